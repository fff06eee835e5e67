"""The interface of whatever provides an issuer's keys."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from doorward.jose.public_key import Key


class KeySource(Protocol):
    """The keys of one issuer, and of no other."""

    @property
    def generation(self) -> int:
        """A number that grows when the keys change; cached tokens are then invalid."""

    @property
    def trusted_until(self) -> float:
        """Until when, in seconds since 1970, the keys may be used without another fetch."""

    async def start(self) -> None:
        """Fetch the keys. Never fails: missing keys are fetched later."""

    def known(self, kid: str | None, algorithm: str) -> "Key | None":
        """Return the key without waiting, if it was fetched and is still trusted."""

    async def key(self, kid: str | None, algorithm: str) -> "Key":
        """
        Return the key, and fetch it if necessary.

        Raises:
            UnknownKey: the issuer has no such key.
            KeysUnavailable: the issuer cannot be asked.
        """
