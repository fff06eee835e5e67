"""The successful token response, and its ID token."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from doorward.authserver.grants.access_tokens import IssuedToken
from doorward.authserver.openid.id_tokens import IdTokens
from doorward.authserver.settings.openid import OPENID
from doorward.authserver.store.rows.grants import Grant
from doorward.authserver.users.authentication import Authentication
from doorward.wire.oauth.scope import build_scope


@dataclass(frozen=True)
class NewTokens:
    """
    A token response, and what must be stored before it leaves.

    ``until`` is when its access token expires, and ``refresh_row`` is of its refresh token.
    """

    answer: dict[str, Any] = field(repr=False)
    until: float
    refresh_row: dict[str, Any] | None


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


def id_token_of(
    id_tokens: IdTokens,
    grant: Grant,
    access: IssuedToken,
    scopes: frozenset[str],
    nonce: str | None = None,
) -> dict[str, Any]:
    """
    Return the member ``id_token`` for the grant of an OpenID sign-in, and nothing for any other.

    Spec: OpenID Connect Core 1.0 §3.1.3.3, §12.2
    """
    if grant.authentication is None or OPENID not in scopes:
        return {}
    token = id_tokens.issue(
        subject=grant.user_id,
        client_id=grant.client_id,
        authentication=Authentication.from_claims(grant.authentication),
        nonce=nonce,
        expires_in=access.expires_in,
    )
    return {"id_token": token}
