"""Sign-in services for the developers of applications."""

from tests.simulators.facts import OPENID_SCOPES, SimulatedProvider
from tests.simulators.recorded import openid_url, recorded, written

_OFFLINE = frozenset({*OPENID_SCOPES, "offline_access"})
_RSA = {"id_token_signing_alg_values_supported": ["RS256"]}
_BOTH = {"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}

_CLERK = "https://clean-mayfly-62.clerk.accounts.dev"

CLERK = SimulatedProvider(
    kind="clerk",
    issuer=_CLERK,
    metadata=written(
        _CLERK,
        authorization="/oauth/authorize",
        token="/oauth/token",
        userinfo="/oauth/userinfo",
        revocation="/oauth/token/revoke",
        introspection="/oauth/token_info",
        jwks_uri="/.well-known/jwks.json",
        scopes_supported=[*OPENID_SCOPES, "offline_access", "public_metadata", "private_metadata"],
        code_challenge_methods_supported=["S256"],
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url(_CLERK),),
    source="clerk.com/docs, Clerk as an OAuth provider; gofastmcp.com, ClerkProvider (endpoints)",
    assumed=("rotation", "error bodies", "the path of revocation"),
    scopes=_OFFLINE,
    unknown_scopes="invalid_scope",
    access_token="oat_{n}",
    life=86_400,
    refresh="rotates",
)

_SUPABASE = "https://abcdefghijklmnop.supabase.co/auth/v1"

SUPABASE = SimulatedProvider(
    kind="supabase",
    issuer=_SUPABASE,
    metadata=written(
        _SUPABASE,
        authorization="/oauth/authorize",
        token="/oauth/token",
        userinfo="/oauth/userinfo",
        jwks_uri="/.well-known/jwks.json",
        scopes_supported=["openid", "profile", "email", "phone"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic", "client_secret_post"],
        id_token_signing_alg_values_supported=["RS256", "HS256", "ES256"],
        code_challenge_methods_supported=["S256", "plain"],
    ),
    documents=(openid_url(_SUPABASE),),
    source="supabase.com/docs/guides/auth/oauth-server: oauth-flows and getting-started",
    assumed=("that a project has moved to an ES256 key", "error bodies"),
    algorithm="ES256",
    scopes=frozenset({*OPENID_SCOPES, "phone"}),
    unknown_scopes="invalid_scope",
    required={"authorize": frozenset({"code_challenge"})},
    access_token="eyJhbGci.{n}.supabase",
    refresh="rotates",
    # Always: it knows no scope for that.
    refresh_needs=None,
    id_token_at_refresh=False,
)

_PROPELAUTH = "https://auth.example.com"

PROPELAUTH = SimulatedProvider(
    kind="propelauth",
    issuer=_PROPELAUTH,
    metadata=written(
        _PROPELAUTH,
        f"{_PROPELAUTH}/propelauth/oauth",
        authorization="/authorize",
        token="/token",
        userinfo="/userinfo",
    ),
    source="docs.propelauth.com/reference/api: OAuth2 endpoints and the user object",
    assumed=("that scopes are ignored", "rotation", "error bodies"),
    openid=False,
    required={"authorize": frozenset({"state"})},
    claims={
        "": {
            "user_id": "31c41c16-c281-44ae-9602-8a047e3bf33d",
            "email": "jane@example.com",
            "email_confirmed": True,
            "first_name": "Jane",
            "last_name": "Doe",
            "name": "Jane Doe",
            "username": "jane",
            "org_id_to_org_info": {"1189c444": {"org_id": "1189c444", "org_name": "Acme"}},
        }
    },
    access_token="eyJhbGci.{n}.propelauth",
    life=1800,
    refresh="same",
    refresh_needs=None,
)

_DESCOPE = recorded("descope_agentic_openid-configuration_partial.json")

DESCOPE = SimulatedProvider(
    kind="descope",
    issuer=_DESCOPE["issuer"],
    metadata=_DESCOPE,
    documents=(openid_url(_DESCOPE["issuer"]),),
    source="recorded: descope_agentic_openid-configuration_partial.json",
    assumed=("that openid is granted although scopes_supported lacks it", "refresh and errors"),
    access_token="eyJhbGci.{n}.descope",
    refresh="rotates",
    refresh_needs=None,
)

_SCALEKIT = "https://acme.scalekit.com/resources/res_123"

SCALEKIT = SimulatedProvider(
    kind="scalekit",
    issuer=_SCALEKIT,
    metadata=written(
        _SCALEKIT,
        "https://acme.scalekit.com",
        authorization="/oauth/authorize",
        token="/oauth/token",
        userinfo="/userinfo",
        jwks_uri="/keys",
        **_RSA,
    ),
    # Only the OAuth form: a resource's server has no OpenID document.
    documents=(
        "https://acme.scalekit.com/.well-known/oauth-authorization-server/resources/res_123",
    ),
    source="scalekit-inc/developer-docs (96ada4a75)",
    assumed=("that a resource's server issues ID tokens under its own issuer", "everything else"),
    access_token="eyJhbGci.{n}.scalekit",
    life=300,
    refresh="rotates",
    change_claims=lambda _grant, claims: claims | {"oid": "org_acme"},
)

_STYTCH = "https://rustic-kilogram-6347.customers.stytch.com"

STYTCH = SimulatedProvider(
    kind="stytch",
    issuer=_STYTCH,
    metadata=recorded(
        "stytch_oauth-authorization-server_partial.json",
        **written(
            _STYTCH,
            # The page of the customer's own site.
            authorization="https://app.example.com/oauth/authorize",
            userinfo="/v1/oauth2/userinfo",
            jwks_uri="/.well-known/jwks.json",
            **_RSA,
        ),
    ),
    documents=(openid_url(_STYTCH),),
    source="recorded: stytch_oauth-authorization-server_partial.json; stytch.com/docs",
    assumed=("the members that the recorded document lacks", "refresh and errors"),
    access_token="eyJhbGci.{n}.stytch",
    refresh="rotates",
)
