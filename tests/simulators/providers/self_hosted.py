"""Identity providers that people run themselves."""

from dataclasses import replace

from tests.simulators.facts import JANE, OPENID_SCOPES, SimulatedProvider, oauth_error
from tests.simulators.providers.hosted import ASGARDEO
from tests.simulators.recorded import openid_url, recorded, written

_OFFLINE = frozenset({*OPENID_SCOPES, "offline_access"})
_RSA = {"id_token_signing_alg_values_supported": ["RS256"]}

_KEYCLOAK = recorded(
    "keycloak_26.2_openid-configuration.json", "http://localhost:8089", "https://keycloak.example"
)

KEYCLOAK = SimulatedProvider(
    kind="keycloak",
    issuer=_KEYCLOAK["issuer"],
    metadata=_KEYCLOAK,
    documents=(openid_url(_KEYCLOAK["issuer"]),),
    source="recorded: keycloak_26.2_openid-configuration.json; measured: Keycloak 26.7.4",
    scopes=_OFFLINE | {"organization", "roles"},
    unknown_scopes="invalid_scope",
    sends_iss=True,
    answer={"session_state": "b3d5"},
    at_hash=True,
    access_token="eyJhbGci.{n}.keycloak",
    life=300,
    refresh="new",
    refresh_needs=None,
    dead_code=oauth_error("invalid_grant", "Code not valid"),
    dead_refresh_token=oauth_error("invalid_grant", "Session not active"),
    wrong_client=oauth_error(
        "unauthorized_client", "Invalid client or Invalid client credentials", status=401
    ),
    change_claims=lambda _grant, claims: claims | {"azp": claims["aud"], "typ": "ID", "sid": "s"},
)

_LOGTO = recorded("logto.json", "<logto-url>", "https://logto.example")

LOGTO = SimulatedProvider(
    kind="logto",
    issuer=_LOGTO["issuer"],
    metadata=_LOGTO,
    documents=(openid_url(_LOGTO["issuer"]),),
    source="recorded: logto.json; docs.logto.io, offline_access needs prompt=consent",
    assumed=("that unknown scopes are ignored",),
    algorithm="ES384",
    scopes=_OFFLINE | {"urn:logto:scope:organizations"},
    sends_iss=True,
    claims={**JANE, "profile": {"name": "Jane Doe", "username": "jane"}},
    access_token="opaque-logto-{n}",
    refresh="rotates",
    refresh_needs="prompt=consent",
    wrong_client=oauth_error("invalid_client", "client authentication failed", status=401),
)

_HYDRA = recorded("ory_hydra.json", "http://hydra.localhost", "https://hydra.example")

HYDRA = SimulatedProvider(
    kind="hydra",
    issuer=_HYDRA["issuer"],
    metadata={name: value for name, value in _HYDRA.items() if name != "registration_endpoint"}
    | {
        "userinfo_endpoint": "https://hydra.example/userinfo",
        # What Hydra has without a key of the operator's; the recorded test makes another one.
        "id_token_signing_alg_values_supported": ["RS256"],
    },
    documents=(openid_url(_HYDRA["issuer"]),),
    source="recorded: ory_hydra.json; measured: Ory Hydra 2.3.0",
    assumed=("that the client may request profile and email",),
    scopes=_OFFLINE | {"offline"},
    unknown_scopes="invalid_scope",
    required={"authorize": frozenset({"state"})},
    # A client authenticates by the one method with which it was registered.
    client_auth=frozenset({"client_secret_basic"}),
    at_hash=True,
    access_token="ory_at_{n}",
    refresh="rotates",
    dead_refresh_token=oauth_error("invalid_grant", "The refresh token has not been found."),
    wrong_client=oauth_error("invalid_client", "Client authentication failed.", status=401),
)

_AUTHENTIK = "https://authentik.example/application/o/doorward/"

AUTHENTIK = SimulatedProvider(
    kind="authentik",
    issuer=_AUTHENTIK,
    metadata=written(
        _AUTHENTIK,
        "https://authentik.example/application/o",
        authorization="/authorize/",
        token="/token/",
        userinfo="/userinfo/",
        revocation="/revoke/",
        jwks_uri="/doorward/jwks/",
        scopes_supported=["openid", "email", "profile", "offline_access"],
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
        code_challenge_methods_supported=["plain", "S256"],
        **_RSA,
    ),
    documents=(openid_url(_AUTHENTIK),),
    source="docs.goauthentik.io/add-secure-apps/providers/oauth2/",
    assumed=("error bodies", "that unknown scopes are ignored"),
    scopes=_OFFLINE,
    claims={**JANE, "profile": {**JANE["profile"], "nickname": "jane", "groups": ["staff"]}},
    at_hash=True,
    access_token="eyJhbGci.{n}.authentik",
    life=300,
    refresh="rotates",
)

_PINGFEDERATE = "https://pingfederate.example"

PINGFEDERATE = SimulatedProvider(
    kind="pingfederate",
    issuer=_PINGFEDERATE,
    metadata=written(
        _PINGFEDERATE,
        authorization="/as/authorization.oauth2",
        token="/as/token.oauth2",
        userinfo="/idp/userinfo.openid",
        revocation="/as/revoke_token.oauth2",
        jwks_uri="/pf/JWKS",
        scopes_supported=[*OPENID_SCOPES],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
        **_RSA,
    ),
    documents=(openid_url(_PINGFEDERATE),),
    source="docs.pingidentity.com/pingfederate, OAuth 2.0 endpoints",
    assumed=("that an unknown scope is invalid_scope", "error bodies", "rotation"),
    unknown_scopes="invalid_scope",
    access_token="pf-{n}",
    life=7199,
    refresh="new",
    # Whether a refresh token is issued is a setting of the client.
    refresh_needs=None,
    wrong_client=oauth_error("invalid_client", "Invalid client or client credentials.", status=401),
)

_AIC = recorded(
    "ping_aic_am_openid-configuration.json", "https://<tenant-env-fqdn>", "https://aic.example"
)

PING_AIC = SimulatedProvider(
    kind="ping-aic",
    issuer=_AIC["issuer"],
    metadata=_AIC,
    documents=(openid_url(_AIC["issuer"]),),
    source="recorded: ping_aic_am_openid-configuration.json; docs.pingidentity.com, AM OAuth 2.0",
    assumed=("error bodies", "rotation"),
    unknown_scopes="invalid_scope",
    answer={"client_id": "doorward-at-the-provider"},
    sends_iss=True,
    at_hash=True,
    access_token="eyJ0eXAi.{n}.am",
    refresh="new",
    refresh_needs=None,
)

_ZITADEL = "https://acme-1a2b3c.zitadel.cloud"
_RESOURCE_OWNER = "urn:zitadel:iam:user:resourceowner:id"

ZITADEL = SimulatedProvider(
    kind="zitadel",
    issuer=_ZITADEL,
    metadata=written(
        _ZITADEL,
        authorization="/oauth/v2/authorize",
        token="/oauth/v2/token",
        userinfo="/oidc/v1/userinfo",
        revocation="/oauth/v2/revoke",
        jwks_uri="/oauth/v2/keys",
        scopes_supported=["openid", "profile", "email", "phone", "address", "offline_access"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic", "client_secret_post"],
        code_challenge_methods_supported=["S256"],
        **_RSA,
    ),
    documents=(openid_url(_ZITADEL),),
    source="zitadel.com/docs/apis/openidoauth: endpoints, scopes, claims",
    assumed=("that user info is asserted in the ID token only by a setting", "error bodies"),
    scopes=_OFFLINE | {"urn:zitadel:iam:user:resourceowner"},
    claims={
        **JANE,
        "urn:zitadel:iam:user:resourceowner": {_RESOURCE_OWNER: "170848145649959169"},
    },
    # Without "User Info inside ID Token", the rest is in userinfo alone.
    in_id_token=frozenset({"openid"}),
    at_hash=True,
    change_claims=lambda _grant, claims: claims | {"azp": claims["aud"], "sid": "V1_1"},
    access_token="opaque-zitadel-{n}",
    life=43_199,
    refresh="rotates",
)

_WSO2 = "https://wso2.example:9443/oauth2/token"

WSO2_IS = replace(
    ASGARDEO,
    kind="wso2-is",
    name="wso2-is",
    issuer=_WSO2,
    metadata={
        **ASGARDEO.metadata,
        **written(
            _WSO2,
            "https://wso2.example:9443/oauth2",
            authorization="/authorize",
            token="/token",
            userinfo="/userinfo",
            jwks_uri="/jwks",
            revocation="/revoke",
        ),
    },
    documents=(openid_url(_WSO2),),
)
