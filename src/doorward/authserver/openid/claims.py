"""What applications learn about a user: which scopes a sign-in can have, and which claims they give."""

from typing import Any

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.openid import EMAIL, OPENID, PROFILE
from doorward.authserver.users.users import User

SUPPORTED_CLAIMS = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "name",
    "preferred_username",
    "email",
    "email_verified",
)
"""Of ID tokens and of the userinfo endpoint. Spec: OpenID Connect Discovery 1.0 §3."""


def held_scopes(settings: AuthServerSettings, user: User, resource: str) -> frozenset[str]:
    """
    Return the scopes that a client can get for this resource on behalf of the user.

    At an MCP server, they are those of the user. Every user can sign in to an application, and tell it
    an e-mail address if there is one.

    Spec: OpenID Connect Core 1.0 §5.4
    """
    if not settings.is_openid(resource):
        return user.scopes
    return frozenset({OPENID, PROFILE} if user.email is None else {OPENID, PROFILE, EMAIL})


def required_scopes(settings: AuthServerSettings, resource: str) -> frozenset[str]:
    """Return the scopes that a user cannot leave out: a sign-in without ``openid`` is none."""
    return frozenset({OPENID}) if settings.is_openid(resource) else frozenset()


def user_claims(user: User, scopes: frozenset[str]) -> dict[str, Any]:
    """
    Return the claims about a user that the scopes give.

    Spec: OpenID Connect Core 1.0 §5.1, §5.3.2, §5.4
    """
    found: dict[str, Any] = {"sub": user.id}
    if PROFILE in scopes:
        found["preferred_username"] = user.username
        if user.display_name:
            found["name"] = user.display_name
    if EMAIL in scopes and user.email is not None:
        found |= {"email": user.email, "email_verified": True}
    return found
