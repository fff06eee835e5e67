"""Where an issuer's keys come from."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from doorward.jose.public_key import Key


class KeySource(Protocol):
    """The keys of one issuer, and of no other."""

    @property
    def generation(self) -> int:
        """A number that grows when the keys change; what was verified before it is forgotten."""

    @property
    def trusted_until(self) -> float:
        """Until when, in seconds since 1970, the keys may be used without asking again."""

    async def start(self) -> None:
        """Fetch the keys ahead of the first token. Never fails: what is missing is asked later."""

    def known(self, kid: str | None, algorithm: str) -> "Key | None":
        """Return the key when it is at hand and still trusted, without waiting."""

    async def key(self, kid: str | None, algorithm: str) -> "Key":
        """
        Return the key, fetching it if need be.

        Raises:
            UnknownKey: the issuer has no such key.
            KeysUnavailable: the issuer cannot be asked.
        """
