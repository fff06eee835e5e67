"""The successful token response."""

from collections.abc import Iterable
from typing import Any

from doorward.authserver.grants.access_tokens import IssuedToken
from doorward.wire.oauth.scope import build_scope


def token_response(
    access: IssuedToken, scopes: Iterable[str], refresh_token: str | None
) -> dict[str, Any]:
    """
    Return the members of a token response; ``scope`` is always the granted scope.

    Spec: RFC 6749 §5.1
    """
    answer: dict[str, Any] = {
        "access_token": access.token,
        "token_type": "Bearer",
        "expires_in": access.expires_in,
        "scope": build_scope(frozenset(scopes)),
    }
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    return answer
