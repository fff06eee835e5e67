"""Access tokens: issued as JWTs, read back, and revoked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, exists, select

from doorward.authserver.keys.secrets import new_secret
from doorward.authserver.keys.signing_keys import KeyRing
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.revoked_tokens import add_revoked_tokens
from doorward.authserver.store.schema import grants, revoked_tokens, users
from doorward.authserver.users.users import User
from doorward.net.clock import CLOCK_SKEW, Clock
from doorward.operations.story.notes import note_grant
from doorward.wire.oauth.scope import build_scope

TYPE = "at+jwt"
_ALIVE = (
    select(grants.c.id)
    .join(users, users.c.id == grants.c.user_id)
    .where(
        grants.c.id == bindparam("the_grant"),
        grants.c.revoked_at.is_(None),
        users.c.disabled.is_(False),
        ~exists().where(revoked_tokens.c.token_id == bindparam("the_token")),
    )
)


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A signed access token, and its lifetime in seconds."""

    token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"IssuedToken(expires_in={self.expires_in})"


class AccessTokens:
    """
    Issues access tokens, and checks those that clients and resource servers send back.

    Spec: RFC 9068 §2
    """

    def __init__(self, keys: KeyRing, settings: AuthServerSettings, clock: Clock) -> None:
        self._keys = keys
        self._settings = settings
        self._clock = clock

    def issue(
        self,
        *,
        user: User,
        client_id: str,
        resource: str,
        scopes: frozenset[str],
        grant_id: str,
        expires_by: int | None = None,
        actor: Mapping[str, Any] | None = None,
    ) -> IssuedToken:
        """
        Return a token for one user, one client and exactly one resource.

        ``jti`` begins with the id of the grant, so that revoking the grant revokes its tokens without
        a row for each. ``expires_by`` limits the lifetime; ``actor`` becomes the claim ``act``.
        """
        note_grant(self._settings.issuer, user.id, grant_id)
        now = self._clock()
        usual = int(self._settings.lifetimes.access_token)
        life = usual if expires_by is None else min(usual, expires_by - int(now))
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "sub": user.id,
            "aud": resource,
            "client_id": client_id,
            "scope": build_scope(scopes),
            "iat": int(now),
            "exp": int(now) + life,
            "jti": f"{grant_id}.{new_secret()[:22]}",
        }
        # An application to which the user signs in asks the userinfo endpoint, by scope.
        if not self._settings.is_openid(resource):
            claims["roles"] = sorted(user.roles)
            claims["preferred_username"] = user.username
            if user.display_name:
                claims["name"] = user.display_name
        if actor is not None:
            claims["act"] = dict(actor)
        return IssuedToken(token=self._keys.sign(claims, TYPE), expires_in=life)

    def read(self, token: str) -> Mapping[str, Any] | None:
        """
        Return the claims of an unexpired token of this server, or ``None``.

        Does not check revocation; ``is_alive`` does.
        """
        claims = self._keys.open(token, TYPE)
        if claims is None:
            return None
        now = self._clock()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return None
        # A clock that is set back must not make a token from the future valid.
        alive = self._settings.revoke_before <= issued <= now + CLOCK_SKEW and now < expires
        return claims if alive else None

    async def is_alive(self, connection: Connection, claims: Mapping[str, Any]) -> bool:
        """Say whether the token and its grant are not revoked, and its user is active."""
        token_id = str(claims["jti"])
        found = await connection.execute(
            _ALIVE, {"the_token": token_id, "the_grant": token_id.partition(".")[0]}
        )
        return found.one_or_none() is not None

    async def revoke(self, connection: Connection, claims: Mapping[str, Any]) -> None:
        """Revoke one token: keep it on the list of revoked tokens until it expires."""
        until = {str(claims["jti"]): float(claims["exp"])}
        await add_revoked_tokens(connection, until)
