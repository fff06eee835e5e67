"""Providers that issue no ID tokens: GitHub's two kinds of application, and Bitbucket."""

from dataclasses import replace
from typing import Any

from tests.simulators.facts import Grant, Refusal, SimulatedProvider, oauth_error
from tests.simulators.recorded import recorded, written

_API = "https://api.github.com"


def errors_are_successes(refusal: Refusal) -> Refusal:
    """GitHub reports errors of its token endpoint with status 200."""
    return replace(refusal, status=200) if "error" in refusal.body else refusal


def _github_user(_grant: Grant) -> Any:
    # The address of the profile is only claimed, and may be absent.
    return {"id": 583231, "login": "jane", "name": "Jane Doe", "email": None}


def _needs(scope: str, answer: Any) -> Any:
    def api(grant: Grant) -> Any:
        # GitHub hides from a token what it may not see, so it says 404.
        return answer if scope in grant.scopes else Refusal(404, {"message": "Not Found"})

    return api


_ADDRESSES = [
    {"email": "jane@users.noreply.github.com", "primary": False, "verified": True},
    {"email": "jane@example.com", "primary": True, "verified": True},
]

GITHUB = SimulatedProvider(
    kind="github",
    issuer="https://github.com/login/oauth",
    metadata=recorded("github_oauth.json"),
    source=(
        "recorded: github_oauth.json; github/docs: authorizing-oauth-apps, scopes-for-oauth-apps, "
        "troubleshooting-oauth-app-access-token-request-errors, rest/users/emails"
    ),
    assumed=("that an unknown scope and resource are ignored",),
    openid=False,
    scopes=frozenset({"read:user", "user:email", "read:org", "repo"}),
    client_auth=frozenset({"client_secret_post"}),
    claims={},
    access_token="gho_16C7e42F292c6912E7710c838347Ae178B4a{n}",
    token_type="bearer",
    # Tokens of OAuth apps do not end.
    life=None,
    refresh="never",
    scope_separator=",",
    dead_code=oauth_error("bad_verification_code", "The code passed is incorrect or expired."),
    dead_refresh_token=oauth_error("bad_refresh_token", "The refresh token is incorrect."),
    wrong_client=oauth_error("incorrect_client_credentials", "The client_id is incorrect."),
    apis={
        f"{_API}/user": _github_user,
        f"{_API}/user/emails": _needs("user:email", _ADDRESSES),
        f"{_API}/user/orgs?per_page=100": _needs("read:org", [{"login": "acme"}]),
        f"{_API}/user/teams?per_page=100": _needs(
            "read:org", [{"slug": "mcp", "organization": {"login": "acme"}}]
        ),
    },
    change_answer=errors_are_successes,
)


def permissions_instead_of_scopes(grant: Grant, tokens: dict[str, Any]) -> dict[str, Any]:
    """A GitHub App has permissions: scope is always empty, and the token can read what they allow."""
    grant.scopes = ("read:user", "user:email", "read:org")
    return tokens | {"scope": "", "refresh_token_expires_in": 15_897_600}


GITHUB_APP = replace(
    GITHUB,
    name="github-app",
    source="github/docs: generating and refreshing a user access token for a GitHub App",
    access_token="ghu_16C7e42F292c6912E7710c838347Ae178B4a{n}",
    life=28_800,
    refresh="rotates",
    refresh_needs=None,
    change_tokens=permissions_instead_of_scopes,
)

_BITBUCKET = "https://api.bitbucket.org/2.0/user"


def _page(*values: Any) -> Any:
    return lambda _grant: {"pagelen": 10, "page": 1, "values": list(values)}


def scopes_have_another_name(_grant: Grant, tokens: dict[str, Any]) -> dict[str, Any]:
    """Bitbucket calls the scopes of a token ``scopes``."""
    return {**tokens, "scopes": tokens.pop("scope")}


BITBUCKET = SimulatedProvider(
    kind="bitbucket",
    issuer="https://bitbucket.org",
    metadata=written(
        "https://bitbucket.org",
        authorization="/site/oauth2/authorize",
        token="/site/oauth2/access_token",
        userinfo="https://api.bitbucket.org/2.0/user",
    ),
    source=(
        "developer.atlassian.com, Bitbucket Cloud OAuth 2.0 and REST users; "
        "confluence.atlassian.com/bitbucket/oauth-endpoint-300220600.html"
    ),
    assumed=("that code_challenge is ignored", "that unknown scopes are refused", "error bodies"),
    openid=False,
    scopes=frozenset({"account", "email", "repository"}),
    unknown_scopes="invalid_scope",
    pkce=False,
    claims={
        "account": {
            "uuid": "{8f5d2b1c-0000-4000-8000-000000000001}",
            "account_id": "557058:jane",
            "username": "jane",
            "nickname": "jane",
            "display_name": "Jane Doe",
        }
    },
    access_token="bb-{n}=",
    token_type="bearer",
    life=7200,
    refresh="same",
    refresh_needs=None,
    dead_code=oauth_error("invalid_grant", "The specified code is not valid."),
    dead_refresh_token=oauth_error("invalid_grant", "Invalid refresh_token"),
    wrong_client=oauth_error("unauthorized_client", "Invalid OAuth client credentials"),
    apis={
        f"{_BITBUCKET}/emails?pagelen=100": _page(
            {"email": "jane@example.com", "is_primary": True, "is_confirmed": True}
        ),
        f"{_BITBUCKET}/workspaces?pagelen=100": _page({"workspace": {"slug": "acme"}}),
    },
    change_tokens=scopes_have_another_name,
)
