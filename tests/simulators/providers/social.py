"""Services at which people have an account for something else."""

from typing import Any

from tests.simulators.facts import (
    JANE,
    OPENID_SCOPES,
    Grant,
    Refusal,
    SimulatedProvider,
    oauth_error,
)
from tests.simulators.recorded import openid_url, written

_RSA = {"id_token_signing_alg_values_supported": ["RS256"]}
_BOTH = {"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}

GITLAB = SimulatedProvider(
    kind="gitlab",
    issuer="https://gitlab.com",
    metadata=written(
        "https://gitlab.com",
        authorization="/oauth/authorize",
        token="/oauth/token",
        revocation="/oauth/revoke",
        userinfo="/oauth/userinfo",
        jwks_uri="/oauth/discovery/keys",
        scopes_supported=["api", "read_api", "read_user", "openid", "profile", "email"],
        code_challenge_methods_supported=["plain", "S256"],
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url("https://gitlab.com"),),
    source=(
        "gitlab.com's documents at api-evangelist/gitlab (7a70b854); docs.gitlab.com, GitLab as "
        "OpenID Connect identity provider; doorkeeper-gem/doorkeeper-openid_connect"
    ),
    assumed=("the descriptions of errors",),
    scopes=frozenset({*OPENID_SCOPES, "read_user", "read_api"}),
    unknown_scopes="invalid_scope",
    claims={
        "openid": {"sub": "4711", "groups_direct": ["acme"]},
        "profile": {"name": "Jane Doe", "nickname": "jane", "preferred_username": "jane"},
        "email": {"email": "jane@example.com", "email_verified": True},
    },
    access_token="{n}e8f",
    life=7200,
    refresh="rotates",
    refresh_needs=None,
    dead_refresh_token=oauth_error(
        "invalid_grant", "The provided authorization grant is invalid, expired, revoked, …"
    ),
    wrong_client=oauth_error("invalid_client", "Client authentication failed …", status=401),
)


def slack_says_ok(_grant: Grant, tokens: dict[str, Any]) -> dict[str, Any]:
    """Every answer of Slack's API says whether it is one."""
    return {"ok": True, **tokens}


def slack_errors_are_successes(refusal: Refusal) -> Refusal:
    """Slack reports errors with status 200 and its own names."""
    return Refusal(200, {"ok": False, "error": refusal.body.get("error", "invalid_auth")})


def slack_claims(grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """The workspace has claims whose names are URLs; a nonce that was not sent comes back empty."""
    named = {"https://slack.com/team_id": "T0R7GR", "https://slack.com/user_id": "U0R7JM"}
    return claims | named | {"nonce": grant.request.get("nonce", "")}


SLACK = SimulatedProvider(
    kind="slack",
    issuer="https://slack.com",
    metadata=written(
        "https://slack.com",
        authorization="/openid/connect/authorize",
        token="/api/openid.connect.token",
        userinfo="/api/openid.connect.userInfo",
        jwks_uri="/openid/connect/keys",
        scopes_supported=["openid", "profile", "email"],
        token_endpoint_auth_methods_supported=["client_secret_post", "client_secret_basic"],
        **_RSA,
    ),
    documents=(openid_url("https://slack.com"),),
    source=(
        "slack.com/.well-known/openid-configuration; docs.slack.dev: Sign in with Slack, "
        "openid.connect.token; immich-app/immich#29055 (nonce)"
    ),
    assumed=("that code_challenge is ignored without PKCE in the app's settings",),
    unknown_scopes="invalid_scope",
    pkce=False,
    claims={
        "openid": {"sub": "U0R7JM"},
        "profile": {"name": "Jane Doe", "given_name": "Jane", "family_name": "Doe"},
        "email": {"email": "jane@example.com", "email_verified": True},
        "": {"https://slack.com/team_id": "T0R7GR", "https://slack.com/user_id": "U0R7JM"},
    },
    at_hash=True,
    access_token="xoxp-{n}",
    # Without token rotation in the app's settings, a token does not end.
    life=None,
    refresh="never",
    dead_code=oauth_error("invalid_code"),
    dead_refresh_token=oauth_error("invalid_refresh_token"),
    wrong_client=oauth_error("bad_client_secret"),
    change_claims=slack_claims,
    change_tokens=slack_says_ok,
    change_answer=slack_errors_are_successes,
)

_DISCORD_API = "https://discord.com/api"


def _discord_user(grant: Grant) -> Any:
    user = {"id": "80351110224678912", "username": "jane", "global_name": "Jane Doe"}
    address = {"email": "jane@example.com", "verified": True} if "email" in grant.scopes else {}
    return user | address


def _discord_guilds(grant: Grant) -> Any:
    if "guilds" not in grant.scopes:
        return Refusal(401, {"message": "401: Unauthorized", "code": 0})
    return [{"id": "197038439483310086", "name": "Acme"}]


DISCORD = SimulatedProvider(
    kind="discord",
    issuer="https://discord.com",
    metadata=written(
        "https://discord.com",
        # The documents say /api/oauth2/authorize, which leads to the same page.
        authorization="/oauth2/authorize",
        token="/api/oauth2/token",
        userinfo="/api/oauth2/userinfo",
        revocation="/api/oauth2/token/revoke",
        jwks_uri="/api/oauth2/keys",
        **_RSA,
    ),
    documents=(openid_url("https://discord.com"),),
    source=(
        "discord.com/.well-known/openid-configuration and oauth-authorization-server; "
        "docs.discord.com, OAuth2 and the user object"
    ),
    assumed=("error bodies", "that an ID token comes with the scope openid alone"),
    scopes=frozenset({"identify", "email", "guilds", "openid"}),
    unknown_scopes="invalid_scope",
    sends_iss=True,
    claims={
        "openid": {"sub": "80351110224678912"},
        "identify": {"preferred_username": "jane", "name": "Jane Doe"},
        "email": {"email": "jane@example.com", "email_verified": True},
    },
    in_id_token=frozenset({"openid"}),
    access_token="6qrZcUqja7812RVdnEKjpzOL4CvHBF{n}",
    life=604_800,
    refresh="rotates",
    refresh_needs=None,
    dead_code=oauth_error("invalid_grant", 'Invalid "code" in request.'),
    dead_refresh_token=oauth_error("invalid_grant"),
    wrong_client=oauth_error("invalid_client", status=401),
    apis={
        **{f"{_DISCORD_API}{version}/users/@me": _discord_user for version in ("", "/v10")},
        **{
            f"{_DISCORD_API}{version}/users/@me/guilds": _discord_guilds for version in ("", "/v10")
        },
    },
)

HUGGINGFACE = SimulatedProvider(
    kind="huggingface",
    issuer="https://huggingface.co",
    metadata=written(
        "https://huggingface.co",
        authorization="/oauth/authorize",
        token="/oauth/token",
        userinfo="/oauth/userinfo",
        jwks_uri="/oauth/jwks",
        scopes_supported=["openid", "profile", "email", "read-repos", "write-repos"],
        code_challenge_methods_supported=["S256"],
        **_BOTH,
        **_RSA,
    ),
    documents=(openid_url("https://huggingface.co"),),
    source="huggingface.co/docs/hub/oauth; api-evangelist/hugging-face-transformers (2026-06-20)",
    assumed=("that unknown scopes are refused", "error bodies"),
    scopes=frozenset({*OPENID_SCOPES, "read-repos"}),
    unknown_scopes="invalid_scope",
    claims={
        **JANE,
        "profile": {
            "name": "Jane Doe",
            "preferred_username": "jane",
            "orgs": [{"sub": "5e67bd5b", "name": "Acme", "preferred_username": "acme"}],
        },
    },
    access_token="hf_oauth_{n}",
    life=28_800,
    refresh="rotates",
    refresh_needs=None,
)


def linkedin_claims(_grant: Grant, claims: dict[str, Any]) -> dict[str, Any]:
    """LinkedIn does not put the nonce into its ID tokens, and writes the locale as an object."""
    return {**claims, "locale": "en_US"}


_LINKEDIN = "https://www.linkedin.com/oauth"

LINKEDIN = SimulatedProvider(
    kind="linkedin",
    issuer=_LINKEDIN,
    metadata=written(
        _LINKEDIN,
        authorization="/v2/authorization",
        token="/v2/accessToken",
        userinfo="https://api.linkedin.com/v2/userinfo",
        jwks_uri="/openid/jwks",
        scopes_supported=["openid", "profile", "email"],
        **_RSA,
    ),
    documents=(openid_url(_LINKEDIN),),
    source=(
        "learn.microsoft.com, Sign In with LinkedIn using OpenID Connect; "
        "api-evangelist/linkedin (2026-06-20); keycloak/keycloak, LinkedInOIDCIdentityProvider (nonce)"
    ),
    assumed=("the body of the error about code_verifier",),
    unknown_scopes="invalid_scope",
    client_auth=frozenset({"client_secret_post"}),
    # An application with a secret is no native one, and only those have PKCE.
    refused={
        "code": {
            "code_verifier": oauth_error(
                "invalid_request", "Not enough permissions to access Native PKCE protocol"
            )
        }
    },
    pkce=False,
    nonce=False,
    claims={
        **JANE,
        "profile": {"name": "Jane Doe", "given_name": "Jane", "family_name": "Doe"},
    },
    access_token="AQX{n}",
    life=5_184_000,
    # Refresh tokens are for selected partners.
    refresh="never",
    dead_code=oauth_error("invalid_request", "Unable to retrieve access token: appid/redirect uri"),
    wrong_client=oauth_error("invalid_client", "Client authentication failed", status=401),
    change_claims=linkedin_claims,
)
