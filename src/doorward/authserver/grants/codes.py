"""Authorization codes: issued, and redeemed once."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, String, bindparam, case, exists, insert, or_, select, update

from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.schema import codes
from doorward.net.clock import CLOCK_SKEW

_ISSUE = insert(codes)
_URI, _RESOURCE = bindparam("uri", type_=String), bindparam("the_resource", type_=String)
CLAIM = (
    update(codes)
    .where(
        codes.c.code_hash == bindparam("digest"),
        codes.c.claimed_at.is_(None),
        codes.c.client_id == bindparam("client"),
        codes.c.challenge == bindparam("the_challenge"),
        codes.c.expires_at > bindparam("now", type_=Float),
        codes.c.issued_at <= bindparam("not_after"),
        codes.c.issued_at >= bindparam("not_before"),
        codes.c.attempts < bindparam("most_attempts"),
        # NULL: the request does not repeat the parameter.
        or_(_URI.is_(None), codes.c.redirect_uri == _URI),
        or_(_RESOURCE.is_(None), codes.c.resource == _RESOURCE),
    )
    .values(claimed_at=bindparam("now", type_=Float))
    .returning(codes.c.grant_id, codes.c.nonce)
)

_WAS_USED = select(
    exists().where(
        codes.c.client_id == bindparam("client"), codes.c.challenge == bindparam("the_challenge")
    )
)


@dataclass(frozen=True, kw_only=True)
class PresentedCode:
    """
    A code in a token request, with the parameters that must match it.

    ``redirect_uri`` and ``resource`` are ``None`` if the token request does not repeat them.
    """

    code: str
    client_id: str
    challenge: str
    redirect_uri: str | None
    resource: str | None

    def __repr__(self) -> str:
        return f"PresentedCode(client_id={self.client_id!r})"


@dataclass(frozen=True)
class SpentCode:
    """The code was redeemed before: somebody has a copy, so the grant must be revoked."""

    grant_id: str


@dataclass(frozen=True)
class ClaimedCode:
    """The code was valid, and cannot be redeemed again; ``nonce`` is for the ID token."""

    grant_id: str
    nonce: str | None


async def issue_code(
    connection: Connection,
    settings: AuthServerSettings,
    authorization: AuthorizationRequest,
    grant_id: str,
    now: float,
) -> str:
    """Return a fresh code for the grant; only its hash is stored."""
    code = new_secret()
    await connection.execute(
        _ISSUE,
        {
            "code_hash": hash_secret(code),
            "grant_id": grant_id,
            "client_id": authorization.client_id,
            "redirect_uri": authorization.redirect_uri,
            "resource": authorization.resource,
            "challenge": authorization.challenge,
            "issued_at": now,
            "expires_at": now + settings.lifetimes.code,
            "attempts": 0,
            "nonce": authorization.nonce,
        },
    )
    return code


async def claim_code(
    connection: Connection, settings: AuthServerSettings, presented: PresentedCode, now: float
) -> ClaimedCode | SpentCode | None:
    """
    Claim a code; return ``SpentCode`` if it was used before, and ``None`` if it is not valid.

    One statement compares and claims. If the code were looked up first, two requests could find the
    same unused code. If it were claimed first and compared later, an attacker with a stolen code and
    no verifier could use it up.
    """
    values = claimable(settings, presented, now)
    row = (await connection.execute(CLAIM, values)).one_or_none()
    if row is not None:
        return ClaimedCode(row.grant_id, row.nonce)
    return await _failed(connection, values["digest"], presented.client_id, now)


def claimable(settings: AuthServerSettings, presented: PresentedCode, now: float) -> dict[str, Any]:
    """Return the parameters of ``CLAIM``."""
    return {
        "digest": hash_secret(presented.code),
        "client": presented.client_id,
        "the_challenge": presented.challenge,
        "now": now,
        "not_after": now + CLOCK_SKEW,
        "not_before": settings.revoke_before,
        "most_attempts": settings.limits.code_attempts,
        "uri": presented.redirect_uri,
        "the_resource": presented.resource,
    }


async def challenge_was_used(connection: Connection, authorization: AuthorizationRequest) -> bool:
    """Say whether this client got a code for this challenge before, so the request is a replay."""
    used = await connection.execute(
        _WAS_USED, {"client": authorization.client_id, "the_challenge": authorization.challenge}
    )
    return bool(used.scalar_one())


async def _failed(
    connection: Connection, digest: bytes, client_id: str, now: float
) -> SpentCode | None:
    # An expired code stays expired, even if the clock is set back afterwards.
    over = case((codes.c.expires_at <= now, 0.0), else_=codes.c.expires_at)
    row = (
        await connection.execute(
            update(codes)
            .where(codes.c.code_hash == digest, codes.c.client_id == client_id)
            .values(attempts=codes.c.attempts + 1, expires_at=over)
            .returning(codes.c.grant_id, codes.c.claimed_at)
        )
    ).one_or_none()
    return SpentCode(row.grant_id) if row is not None and row.claimed_at is not None else None
