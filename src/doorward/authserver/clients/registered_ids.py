"""
Client IDs of registered clients: one row for equal metadata, and an ID for each registration.

Clients register again and again with the same metadata, and anybody can do so without end. Equal
metadata is therefore one row, a *registration*. The ID that a client gets names the row and has a
random part of its own, so that installations do not share consents, grants or secrets. An ID with
an invented random part is refused: it carries a code that only this server can compute. The secret
of a confidential client is computed from its ID in the same way, and is stored nowhere.

A server with another master secret does not know these IDs; it could not read the signing keys
either. Clients that are told ``invalid_client`` register again.
"""

from functools import lru_cache
from hmac import compare_digest
from secrets import token_hex

from doorward.authserver.keys.secrets import authenticate, derive
from doorward.authserver.settings.configured_client import REGISTERED_PREFIX

# 96 random bits: two installations never get one ID by chance.
_RANDOM_BYTES = 12
_CODE_LENGTH = 32
_MOST_READ = 1_000


def new_registration_id() -> str:
    """Return a fresh key for a row; clients of a row that was removed stay unknown."""
    return REGISTERED_PREFIX + token_hex(8)


def claimed_registration(client_id: str) -> str | None:
    """
    Return the row that a client ID of this form names, or ``None`` for another form.

    Does not check that the ID was issued here. For IDs from the database, which were checked.
    """
    registration, dot, _ = client_id.partition(".")
    return registration if dot and registration.startswith(REGISTERED_PREFIX) else None


class RegisteredIds:
    """Issues the IDs and secrets of registered clients, and reads the IDs."""

    def __init__(self, secret: str) -> None:
        self._id_key = derive(secret, "doorward client ids")
        self._secret_key = derive(secret, "doorward client secrets")
        # A client sends its ID with every request, and what an ID says never changes.
        self._read = lru_cache(_MOST_READ)(self._read_uncached)

    def issue(self, registration: str) -> str:
        """Return a new client ID for the row ``registration``."""
        unique = f"{registration}.{token_hex(_RANDOM_BYTES)}"
        return unique + self._code(unique)

    def registration(self, client_id: str) -> str | None:
        """Return the row that an issued client ID names, or ``None`` if it was not issued here."""
        return self._read(client_id)

    def _read_uncached(self, client_id: str) -> str | None:
        unique, code = client_id[:-_CODE_LENGTH], client_id[-_CODE_LENGTH:]
        registration, dot, _ = unique.partition(".")
        if not dot or not client_id.isascii() or not compare_digest(self._code(unique), code):
            return None
        return registration

    def secret(self, client_id: str) -> str:
        """Return the secret of the confidential client with that ID."""
        return authenticate(self._secret_key, client_id)

    def _code(self, unique: str) -> str:
        return authenticate(self._id_key, unique)[:_CODE_LENGTH]
