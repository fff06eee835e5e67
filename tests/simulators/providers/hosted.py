"""Hosted services that are identity providers by trade."""

from dataclasses import replace
from typing import Any

from tests.simulators.facts import (
    JANE,
    OPENID_SCOPES,
    Grant,
    Refusal,
    SimulatedProvider,
    oauth_error,
)
from tests.simulators.recorded import openid_url, recorded, written

_OFFLINE = frozenset({*OPENID_SCOPES, "offline_access"})
_RSA = {"id_token_signing_alg_values_supported": ["RS256"]}
_BOTH = {"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}

_OKTA = recorded("okta_custom_default_2023.json")
_GROUPS = {"groups": ["Everyone", "staff"]}


def claims_of_a_thin_token(grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """Okta puts name and login into a thin ID token, and groups only where a claim is configured."""
    thin = {name: value for name, value in claims.items() if name not in _GROUPS}
    named = {"name": "Jane Doe", "preferred_username": "jane@example.com"}
    return thin | {"ver": 1, "idp": "00o1", "amr": ["pwd"]} | named


OKTA = SimulatedProvider(
    kind="okta",
    issuer=_OKTA["issuer"],
    metadata=_OKTA,
    documents=(openid_url(_OKTA["issuer"]),),
    source=(
        "recorded: okta_custom_default_2023.json; developer.okta.com, OpenID Connect & OAuth 2.0 API; "
        "nextauthjs/next-auth#9625 (state); okta/okta-developer-docs#1968 (thin ID tokens)"
    ),
    assumed=("that resource is ignored",),
    scopes=_OFFLINE | {"groups"},
    unknown_scopes="invalid_scope",
    required={"authorize": frozenset({"state"})},
    claims={**JANE, "": _GROUPS},
    # An ID token beside an access token is thin: the rest is in userinfo.
    in_id_token=frozenset({"openid"}),
    change_claims=claims_of_a_thin_token,
    at_hash=True,
    access_token="eyJraWQi.{n}.okta",
    refresh="same",
    dead_code=oauth_error("invalid_grant", "The authorization code is invalid or has expired."),
    dead_refresh_token=oauth_error("invalid_grant", "The refresh token is invalid or expired."),
    wrong_client=oauth_error("invalid_client", "The client secret is not valid.", status=401),
)


_ORG = recorded("okta_org_oauth-authorization-server.json")

OKTA_ORG = replace(
    OKTA,
    kind="okta-org",
    name="okta-org",
    issuer=_ORG["issuer"],
    metadata=_ORG
    | written(
        _ORG["issuer"],
        jwks_uri="/oauth2/v1/keys",
        userinfo="/oauth2/v1/userinfo",
        revocation="/oauth2/v1/revoke",
        **_RSA,
    ),
    documents=(openid_url(_ORG["issuer"]),),
    source="recorded: okta_org_oauth-authorization-server.json; as the custom server for the rest",
    assumed=("the OpenID document, which has the members that the recorded one lacks",),
)

_AUTH0 = recorded("auth0_openid-configuration_2026-04.json")


def organization_and_session(_grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """Someone who signs in at an organization of the tenant has its id in the token."""
    return claims | {"sid": "s1", "nickname": "jane", "org_id": "org_acme"}


AUTH0 = SimulatedProvider(
    kind="auth0",
    issuer=_AUTH0["issuer"],
    metadata=_AUTH0,
    documents=(openid_url(_AUTH0["issuer"]),),
    source=(
        "recorded: auth0_openid-configuration_2026-04.json; auth0.com/docs/api/authentication; "
        "auth0/nextjs-auth0#498 (dead refresh tokens)"
    ),
    assumed=("that a confidential application has no rotation, as new ones do not",),
    scopes=_OFFLINE,
    refused={
        "authorize": {
            "audience": oauth_error("access_denied", "Service not found: https://mcp.example/mcp")
        }
    },
    # Opaque: no API is named as audience.
    access_token="v2.{n}.opaque",
    life=86_400,
    refresh="same",
    dead_code=oauth_error("invalid_grant", "Invalid authorization code", status=403),
    dead_refresh_token=oauth_error(
        "invalid_grant", "Unknown or invalid refresh token.", status=403
    ),
    wrong_client=oauth_error("access_denied", "Unauthorized", status=401),
    change_claims=organization_and_session,
)

_COGNITO = recorded("cognito_openid-configuration.json")


def cognito_groups(_grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """ID tokens say what they are for, and name the groups of the pool."""
    named = {"cognito:groups": ["staff"], "cognito:username": "jane", "token_use": "id"}
    return claims | named


COGNITO = SimulatedProvider(
    kind="cognito",
    issuer=_COGNITO["issuer"],
    metadata=_COGNITO
    | {"revocation_endpoint": _COGNITO["token_endpoint"].replace("/token", "/revoke")},
    documents=(openid_url(_COGNITO["issuer"]),),
    source=(
        "recorded: cognito_openid-configuration.json; coreos/go-oidc#249 (email_verified); "
        "docs.aws.amazon.com, user pool token endpoint (errors, refresh)"
    ),
    scopes=frozenset({"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"}),
    unknown_scopes="invalid_scope",
    claims={**JANE, "profile": {"name": "Jane Doe", "username": "jane"}},
    change_claims=cognito_groups,
    at_hash=True,
    access_token="eyJraWQi.{n}.cognito",
    refresh="same",
    refresh_needs=None,
    dead_refresh_token=oauth_error("invalid_grant"),
    # With status 400, not 401.
    wrong_client=oauth_error("invalid_client", status=400),
)

_WORKOS = recorded("workos_authkit_openid-configuration.json")

WORKOS = SimulatedProvider(
    kind="workos",
    issuer=_WORKOS["issuer"],
    metadata=_WORKOS,
    documents=(openid_url(_WORKOS["issuer"]),),
    source="recorded: workos_authkit_openid-configuration.json; workos.com/docs/authkit/connect",
    assumed=("that refresh tokens rotate", "error bodies"),
    scopes=_OFFLINE,
    change_claims=lambda _grant, claims: claims | {"org_id": "org_acme", "sid": "app_consent_1"},
    access_token="eyJhbGci.{n}.workos",
    life=300,
    refresh="rotates",
)

_PINGONE = "https://auth.pingone.com/5a2b9c1e-0000-4000-8000-000000000001/as"

PINGONE = SimulatedProvider(
    kind="pingone",
    issuer=_PINGONE,
    metadata=written(
        _PINGONE,
        authorization="/authorize",
        token="/token",
        userinfo="/userinfo",
        jwks_uri="/jwks",
        revocation="/revoke",
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url(_PINGONE),),
    source="apidocs.pingidentity.com, PingOne OpenID Connect/OAuth 2",
    assumed=("scopes", "rotation", "errors", "that mapped attributes are in the ID token"),
    access_token="eyJhbGci.{n}.pingone",
    refresh="new",
    refresh_needs=None,
    change_claims=lambda _grant, claims: claims | {"env": "5a2b9c1e", "p1.region": "EU"},
)

_ASGARDEO = "https://api.asgardeo.io/t/acme/oauth2/token"

ASGARDEO = SimulatedProvider(
    kind="asgardeo",
    issuer=_ASGARDEO,
    metadata=written(
        _ASGARDEO,
        "https://api.asgardeo.io/t/acme/oauth2",
        authorization="/authorize",
        # The issuer is the token endpoint.
        token="/token",
        userinfo="/userinfo",
        jwks_uri="/jwks",
        revocation="/revoke",
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url(_ASGARDEO),),
    source="wso2-extensions/identity-inbound-auth-oauth (7.5.76); wso2.com/asgardeo/docs",
    assumed=("that refresh tokens come without offline_access", "error bodies"),
    at_hash=True,
    answer={"session_state": "f1"},
    access_token="eyJ4NXQi.{n}.asgardeo",
    refresh="rotates",
    refresh_needs=None,
    dead_refresh_token=oauth_error("invalid_grant", "Persisted access token data not found"),
    wrong_client=oauth_error("invalid_client", "Client Authentication failed.", status=401),
)

_IDCS = "https://idcs-0123456789abcdef.identity.oraclecloud.com"

OCI = SimulatedProvider(
    kind="oci",
    # The document names another issuer than its own host.
    issuer="https://identity.oraclecloud.com/",
    metadata=written(
        "https://identity.oraclecloud.com/",
        f"{_IDCS}:443",
        authorization="/oauth2/v1/authorize",
        token="/oauth2/v1/token",
        userinfo="/oauth2/v1/userinfo",
        revocation="/oauth2/v1/revoke",
        jwks_uri="/admin/v1/SigningCert/jwk",
        scopes_supported=["openid", "profile", "offline_access", "email", "address", "phone"],
        code_challenge_methods_supported=["S256"],
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url(_IDCS),),
    settings={"internal_url": _IDCS},
    source="a recorded document of an identity domain (2026); docs.oracle.com, OCI IAM OAuth flows",
    assumed=("rotation", "error bodies", "which claims userinfo has"),
    # sub is the login name, and user_id the account.
    claims={
        **JANE,
        "openid": {"sub": "jane", "user_id": "5f1c0a7b2d3e4f60", "user_displayname": "Jane Doe"},
    },
    scopes=_OFFLINE | {"groups", "urn:opc:idm:__myscopes__"},
    unknown_scopes="invalid_scope",
    at_hash=True,
    access_token="eyJ4NXQj.{n}.oci",
    refresh="rotates",
    wrong_client=Refusal(401, {"error": "invalid_client", "ecid": "X"}),
)
