"""Signing keys: generated, stored encrypted, published, rotated and deleted."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update

from doorward.authserver.keys.secrets import derive, seal, unseal
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import signing_keys
from doorward.errors import ConfigurationError
from doorward.jose.compact import (
    CompactJws,
    JwsHeader,
    MalformedJws,
    read_header,
    read_object,
    split_jws,
)
from doorward.jose.private_key import PrivateKey
from doorward.net.clock import Clock

_encode_claims = msgspec.json.Encoder().encode
# Other servers accept a token a little longer than its lifetime.
_MARGIN = 300.0
_RELOAD_INTERVAL = 60.0
# A token of this process is often the next that it reads. 32 bytes of each are kept.
_MOST_REMEMBERED = 10_000
# Between keys that were made at the same time.
_TICK = 0.001
# Before a new key signs, every process has loaded it, and HTTP caches of the key set are over.
PUBLISHED_FIRST = 2 * _RELOAD_INTERVAL


@dataclass(frozen=True)
class SigningKey:
    """A private key and its dates; ``private`` never leaves this process."""

    private: PrivateKey
    created_at: float
    retired_at: float | None = None
    needed_until: float | None = None

    @property
    def kid(self) -> str:
        """The thumbprint of the key."""
        return self.private.thumbprint


class KeyRing:
    """
    The keys of one issuer, stored in its database encrypted under its secret.

    A new key is published first, and signs two minutes later. A token that one process signs with
    it would be refused wherever the key set of another process is read. Older keys stay in the
    published set until the last token they signed is over.

    Spec: RFC 7517 §5; RFC 9068 §4
    """

    def __init__(
        self, store: Store, settings: AuthServerSettings, secret: str, clock: Clock
    ) -> None:
        self._store = store
        self._algorithm = settings.signing_algorithm
        self._lifetimes = settings.lifetimes
        self._issuer = settings.issuer
        self._sealing_key = derive(secret, "doorward signing keys")
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._loaded_at = 0.0
        # By the SHA-256 of a token: the key that signed it.
        self._signed: OrderedDict[bytes, str] = OrderedDict()

    async def start(self) -> None:
        """
        Load the keys, and generate one if none can sign.

        Raises:
            ConfigurationError: ``wrong-secret``, the stored keys cannot be decrypted.
        """
        await self._exchange(force=False)

    async def rotate(self) -> str:
        """
        Generate a new signing key, retire the others, and return the new ``kid``.

        The new key signs after ``PUBLISHED_FIRST`` seconds.
        """
        await self._exchange(force=True)
        return self._own_keys()[-1].kid

    async def rotate_if_due(self) -> None:
        """
        Rotate the signing key if it is too old, and load the keys of other processes.

        Reads the database at most once a minute. Without that, this process could sign with a key
        that another process has retired and will stop publishing.
        """
        now = self._clock()
        aged = now >= self._own_keys()[-1].created_at + self._lifetimes.signing_key
        if aged or not 0 <= now - self._loaded_at < _RELOAD_INTERVAL:
            await self._exchange(force=False)

    @property
    def made_at(self) -> float | None:
        """When the key that signs was made; ``None`` before the start."""
        return self.current().created_at if self._own_keys() else None

    def current(self) -> SigningKey:
        """Return the key that signs: the newest that every process publishes by now."""
        keys, now = self._own_keys(), self._clock()
        published = [key for key in keys if key.created_at + PUBLISHED_FIRST <= now]
        # Without one, all are new, and the first has been published for longest.
        return published[-1] if published else keys[0]

    def public_set(self) -> dict[str, Any]:
        """
        Return the published key set, with public members only.

        Spec: RFC 7517 §5
        """
        now = self._clock()
        return {"keys": [key.private.public_jwk() for key in self._keys if _is_needed(key, now)]}

    def sign(self, claims: Mapping[str, Any], token_type: str) -> str:
        """Return the claims as a compact JWS by the current key, with ``typ`` and ``kid``."""
        signing = self.current()
        token = signing.private.sign(
            {"typ": token_type, "kid": signing.kid}, _encode_claims(claims)
        )
        self._remember(_digest(token), signing.kid)
        return token

    def open(self, token: str, token_type: str) -> dict[str, Any] | None:
        """
        Return the claims of a token that this issuer signed, or ``None``.

        Does not look at ``exp``, audience or revocation.
        """
        try:
            compact = split_jws(token.encode("ascii", "replace"))
            header = read_header(compact.header)
            claims = read_object(compact.payload)
        except MalformedJws:
            return None
        key = next((key for key in self._keys if key.kid == header.kid), None)
        if key is None:
            return None
        digest = _digest(token)
        # The quick path: the same bytes were signed or verified here before.
        if self._signed.get(digest) != key.kid:
            if not _is_signed(compact, header, key):
                return None
            self._remember(digest, key.kid)
        if header.type != token_type or claims.get("iss") != self._issuer:
            return None
        return claims

    def _remember(self, digest: bytes, kid: str) -> None:
        self._signed[digest] = kid
        if len(self._signed) > _MOST_REMEMBERED:
            self._signed.popitem(last=False)

    async def _exchange(self, *, force: bool) -> None:
        # Generated outside the transaction, in which nobody else could write: RSA takes a while.
        fresh = await self._generate() if force else None
        keys, now = await self._reload(fresh, force=force)
        if fresh is None and not self._usable(keys, now):
            keys, now = await self._reload(await self._generate(), force=False)
        self._keys, self._loaded_at = keys, now

    async def _generate(self) -> PrivateKey:
        return await asyncio.to_thread(PrivateKey.generate, self._algorithm)

    async def _reload(
        self, fresh: PrivateKey | None, *, force: bool
    ) -> tuple[tuple[SigningKey, ...], float]:
        """Return the stored keys, and when; store ``fresh`` first, if it is forced or needed."""

        async def reload(connection: Connection) -> tuple[tuple[SigningKey, ...], float]:
            now = self._clock()
            await connection.execute(delete(signing_keys).where(signing_keys.c.needed_until < now))
            keys = await self._load(connection)
            # Another process may have stored one meanwhile.
            if fresh is not None and (force or not self._usable(keys, now)):
                made_at = await self._after(connection, keys, now)
                await self._retire_others(connection, now)
                await self._keep(connection, SigningKey(fresh, made_at))
                keys = await self._load(connection)
            return keys, now

        return await self._store.exclusive(reload)

    def _usable(self, keys: tuple[SigningKey, ...], now: float) -> bool:
        return any(self._may_sign(key, now) for key in keys)

    def _own_keys(self) -> list[SigningKey]:
        """Return the keys of the configured algorithm, oldest first."""
        return [key for key in self._keys if key.private.algorithm == self._algorithm]

    def _may_sign(self, key: SigningKey, now: float) -> bool:
        young = now < key.created_at + self._lifetimes.signing_key
        return key.retired_at is None and key.private.algorithm == self._algorithm and young

    async def _after(
        self, connection: Connection, keys: tuple[SigningKey, ...], now: float
    ) -> float:
        """
        Return the date of a key that is made now: after the dates of all others.

        On a clock that was set back, the others are dated in the future. With these dates, a new key
        would be the oldest, and would sign before any other process has loaded it.
        """
        later = [key.kid for key in keys if key.created_at >= now]
        for number, kid in enumerate(later):
            same = update(signing_keys).where(signing_keys.c.kid == kid)
            await connection.execute(same.values(created_at=now + number * _TICK))
        return now + len(later) * _TICK

    async def _retire_others(self, connection: Connection, now: float) -> None:
        # A retired key signs until its successor does.
        last = now + PUBLISHED_FIRST + self._lifetimes.access_token
        await connection.execute(
            update(signing_keys)
            .where(signing_keys.c.retired_at.is_(None))
            .values(retired_at=now, needed_until=last + _MARGIN)
        )

    async def _keep(self, connection: Connection, fresh: SigningKey) -> None:
        await connection.execute(
            insert(signing_keys).values(
                kid=fresh.kid,
                algorithm=fresh.private.algorithm,
                sealed_key=seal(self._sealing_key, fresh.private.to_pem(), fresh.kid),
                created_at=fresh.created_at,
            )
        )

    async def _load(self, connection: Connection) -> tuple[SigningKey, ...]:
        rows = await connection.execute(select(signing_keys).order_by(signing_keys.c.created_at))
        return tuple(self._read(row) for row in rows)

    def _read(self, row: Any) -> SigningKey:
        plain = unseal(self._sealing_key, row.sealed_key, row.kid)
        if plain is None:
            raise ConfigurationError(
                "wrong-secret",
                "The signing keys in the database were encrypted with another secret.",
                "Start with the same secret as before, or with an empty database.",
            )
        return SigningKey(
            private=PrivateKey.from_pem(plain),
            created_at=row.created_at,
            retired_at=row.retired_at,
            needed_until=row.needed_until,
        )


def _is_signed(compact: CompactJws, header: JwsHeader, key: SigningKey) -> bool:
    return key.private.public_key.verify(header.algorithm, compact.signing_input, compact.signature)


def _digest(token: str) -> bytes:
    return sha256(token.encode("ascii", "replace")).digest()


def _is_needed(key: SigningKey, now: float) -> bool:
    return key.needed_until is None or now < key.needed_until
