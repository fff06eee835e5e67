"""Authorization codes: issued, and redeemed once."""

from dataclasses import dataclass

from sqlalchemy import case, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.settings import AuthServerSettings
from doorward.authserver.store.schema import codes
from doorward.net.clock import CLOCK_SKEW


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
    """The code was valid, and cannot be redeemed again."""

    grant_id: str


async def issue_code(
    connection: AsyncConnection,
    settings: AuthServerSettings,
    authorization: AuthorizationRequest,
    grant_id: str,
    now: float,
) -> str:
    """Return a fresh code for the grant; only its hash is stored."""
    code = new_secret()
    await connection.execute(
        insert(codes).values(
            code_hash=hash_secret(code),
            grant_id=grant_id,
            client_id=authorization.client_id,
            redirect_uri=authorization.redirect_uri,
            resource=authorization.resource,
            challenge=authorization.challenge,
            issued_at=now,
            expires_at=now + settings.lifetimes.code,
            attempts=0,
        )
    )
    return code


async def claim_code(
    connection: AsyncConnection, settings: AuthServerSettings, presented: PresentedCode, now: float
) -> ClaimedCode | SpentCode | None:
    """
    Claim a code; return ``SpentCode`` if it was used before, and ``None`` if it is not valid.

    One statement compares and claims. If the code were looked up first, two requests could find the
    same unused code. If it were claimed first and compared later, an attacker with a stolen code and
    no verifier could use it up.
    """
    table = codes.c
    digest = hash_secret(presented.code)
    agreeing = [
        table.code_hash == digest,
        table.claimed_at.is_(None),
        table.client_id == presented.client_id,
        table.challenge == presented.challenge,
        table.expires_at > now,
        table.issued_at <= now + CLOCK_SKEW,
        table.issued_at >= settings.revoke_before,
        table.attempts < settings.limits.code_attempts,
    ]
    if presented.redirect_uri is not None:
        agreeing.append(table.redirect_uri == presented.redirect_uri)
    if presented.resource is not None:
        agreeing.append(table.resource == presented.resource)
    row = (
        await connection.execute(
            update(codes).where(*agreeing).values(claimed_at=now).returning(table.grant_id)
        )
    ).one_or_none()
    if row is not None:
        return ClaimedCode(row.grant_id)
    return await _failed(connection, digest, presented.client_id, now)


async def challenge_was_used(
    connection: AsyncConnection, authorization: AuthorizationRequest
) -> bool:
    """Say whether this client got a code for this challenge before, so the request is a replay."""
    same = (codes.c.client_id == authorization.client_id) & (
        codes.c.challenge == authorization.challenge
    )
    return bool((await connection.execute(select(exists().where(same)))).scalar_one())


async def _failed(
    connection: AsyncConnection, digest: bytes, client_id: str, now: float
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
