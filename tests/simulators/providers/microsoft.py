"""Microsoft Entra ID in its two versions, and Azure AD B2C."""

from dataclasses import replace
from typing import Any

from tests.simulators.facts import JANE, Grant, Refusal, SimulatedProvider, oauth_error
from tests.simulators.recorded import openid_url, recorded, written

_TENANT = "9a95fd9e-005d-487a-9a01-d08c1eab2757"
_ISSUER = f"https://login.microsoftonline.com/{_TENANT}/v2.0"


def _aadsts(error: str, code: int, text: str, status: int = 400) -> Refusal:
    told = f"AADSTS{code}: {text} Trace ID: 0000 Correlation ID: 0000"
    return oauth_error(error, told, status=status, error_codes=[code])


_RESOURCE = _aadsts(
    "invalid_target", 9010010, "The resource parameter doesn't match with the requested scopes."
)


def object_id_needs_profile(grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """The object id of the user is in ID tokens only with the scope profile."""
    given = {"tid": _TENANT, "ver": "2.0", "uti": f"u{grant.number}", "rh": "0.A"}
    if "profile" in grant.scopes:
        given["oid"] = "00000000-0000-0000-66f3-3332eca7ea81"
    return claims | given


def object_id_of_version_1(grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """Version 1 calls the user by unique_name and upn."""
    oid = "00000000-0000-0000-66f3-3332eca7ea81"
    named = {"unique_name": "jane@example.com", "upn": "jane@example.com"}
    return claims | named | {"tid": _TENANT, "ver": "1.0", "oid": oid}


def resource_is_graph(_grant: Grant, tokens: dict[str, Any]) -> dict[str, Any]:
    """The token response repeats the lifetime; the access token is for Microsoft Graph."""
    return tokens | {"ext_expires_in": tokens["expires_in"]}


ENTRA = SimulatedProvider(
    kind="entra",
    issuer=_ISSUER,
    metadata=recorded("entra_v2_2023.json"),
    documents=(openid_url(_ISSUER),),
    source=(
        "recorded: entra_v2_2023.json; entra-docs, id-token-claims-reference and v2-oauth2-auth-code-"
        "flow; modelcontextprotocol/typescript-sdk#2718 (AADSTS90009); punkpeye/mcp-remote#217 "
        "(AADSTS9010010); modelcontextprotocol/csharp-sdk#1587"
    ),
    assumed=("the error codes of a refresh without scope and of a dead refresh token",),
    scopes=frozenset({"openid", "profile", "email", "offline_access", "User.Read"}),
    # A bare scope that Microsoft Graph does not have.
    unknown_scopes="invalid_client",
    required={"refresh": frozenset({"scope"})},
    refused={
        "authorize": {"resource": _RESOURCE},
        "code": {"resource": _RESOURCE},
        "refresh": {"resource": _RESOURCE},
    },
    answer={"session_state": "2d2b0f3c"},
    # email_verified is never sent.
    claims={
        "openid": {"sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ"},
        "profile": {"name": "Jane Doe", "preferred_username": "jane@example.com"},
        "email": {"email": "jane@example.com"},
    },
    access_token="eyJ0eXAi.{n}.graph",
    life=4300,
    refresh="new",
    dead_code=_aadsts("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed."),
    dead_refresh_token=_aadsts("invalid_grant", 700082, "The refresh token has expired."),
    wrong_client=_aadsts("invalid_client", 7000215, "Invalid client secret provided.", 401),
    change_claims=object_id_needs_profile,
    change_tokens=resource_is_graph,
)

ENTRA_MULTITENANT = replace(ENTRA, kind="entra-multitenant", name="entra-multitenant")

_V1_ISSUER = f"https://sts.windows.net/{_TENANT}/"
_LOGIN = f"https://login.microsoftonline.com/{_TENANT}"

ENTRA_V1 = replace(
    ENTRA,
    kind="entra-v1",
    name="entra-v1",
    issuer=_V1_ISSUER,
    metadata=written(
        _V1_ISSUER,
        _LOGIN,
        authorization="/oauth2/authorize",
        token="/oauth2/token",
        userinfo="/openid/userinfo",
        jwks_uri="https://login.microsoftonline.com/common/discovery/keys",
        scopes_supported=["openid"],
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
        id_token_signing_alg_values_supported=["RS256"],
    ),
    documents=(openid_url(_V1_ISSUER),),
    assumed=("the document at sts.windows.net", "that scopes it does not know are ignored"),
    unknown_scopes="ignored",
    required={},
    # Version 1 knows the resource instead of scopes.
    refused={},
    refresh_needs=None,
    change_claims=object_id_of_version_1,
)

_B2C = "https://contoso.b2clogin.com"
_POLICY = "04c7fa07-b168-495f-9dcc-bcfceb1a274e/b2c_1_signin"
_B2C_ISSUER = f"{_B2C}/tfp/{_POLICY}/v2.0/"


def emails_are_a_list(_grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """A user flow puts the addresses into the list emails, and says of none that it is verified."""
    claims = {name: value for name, value in claims.items() if not name.startswith("email")}
    named = {"emails": ["jane@example.com"], "name": "Jane Doe", "given_name": "Jane"}
    return claims | named | {"oid": claims["sub"], "tfp": "B2C_1_signin", "ver": "1.0"}


def only_a_resource_has_an_access_token(grant: Grant, tokens: dict[str, Any]) -> dict[str, Any]:
    """Without the scope of an API there is no access token; the client's own id is such a scope."""
    asked = grant.request["scope"].split()
    return tokens if grant.request["client_id"] in asked else {**tokens, "access_token": None}


AZURE_B2C = SimulatedProvider(
    kind="azure-b2c",
    issuer=_B2C_ISSUER,
    metadata=written(
        _B2C_ISSUER,
        f"{_B2C}/{_POLICY}",
        authorization="/oauth2/v2.0/authorize",
        token="/oauth2/v2.0/token",
        jwks_uri="/discovery/v2.0/keys",
        scopes_supported=["openid"],
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
        id_token_signing_alg_values_supported=["RS256"],
    ),
    documents=(openid_url(_B2C_ISSUER),),
    source=(
        "a tenant's document at api-evangelist/insurance-council-australia; learn.microsoft.com, "
        "active-directory-b2c/authorization-code-flow and tokens-overview"
    ),
    assumed=("that other scopes are ignored", "the error codes"),
    scopes=frozenset({"openid", "offline_access"}),
    required={"refresh": frozenset({"scope"})},
    claims={"openid": JANE["openid"]},
    access_token="eyJhbGci.{n}.b2c",
    refresh="new",
    dead_refresh_token=oauth_error("invalid_grant", "AADB2C90080: The provided grant has expired."),
    wrong_client=oauth_error("invalid_client", "AADB2C90081: The client secret is wrong."),
    change_claims=emails_are_a_list,
    change_tokens=only_a_resource_has_an_access_token,
)
