"""Keys of an authorization server that runs in this process."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from doorward.errors import UnknownKey
from doorward.jose.key_set import KeySet
from doorward.jose.public_key import Key
from doorward.net import NEVER, Clock, TimeRange


class LocalKeys:
    """
    The keys of an authorization server in this process.

    ```python
    keys: KeySource = LocalKeys(mint.jwks)
    key: Key = await keys.key(mint.key.thumbprint, "ES256")
    ```

    ``read`` returns its JWKS document. It is read again after ``recheck`` seconds, and at once when
    a token names a key that is not in it. So a new key works at once, and a withdrawn one stops
    working within ``recheck``.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, Any]],
        *,
        clock: Clock = time.time,
        recheck: float = 1.0,
    ) -> None:
        self._read = read
        self._clock = clock
        self._recheck = recheck
        self._jwks: list[dict[str, Any]] = []
        self._keys = KeySet({"keys": []})
        self._generation = 0
        self._lately = NEVER

    @property
    def generation(self) -> int:
        """How often the keys have changed."""
        if not self._lately.contains(self._clock()):
            self._refresh()
        return self._generation

    @property
    def trusted_until(self) -> float:
        """No limit: a change shows in ``generation`` within ``recheck``."""
        return float("inf")

    async def start(self) -> None:
        """Read the keys."""
        self._refresh()

    def known(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key when the server has it."""
        if not self._lately.contains(self._clock()):
            self._refresh()
        return self._keys.find(kid, algorithm)

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """
        Return the key, after reading the document again.

        Raises:
            UnknownKey: the server has no such key.
        """
        self._refresh()
        found = self._keys.find(kid, algorithm)
        if found is None:
            raise UnknownKey(f"kid={kid!r} alg={algorithm!r}, have {sorted(self._keys.kids)}")
        return found

    def _refresh(self) -> None:
        now = self._clock()
        self._lately = TimeRange(now, now + self._recheck)
        jwks = self._read()["keys"]
        if jwks != self._jwks:
            self._keys = KeySet({"keys": jwks})
            # A copy: a server that changes its list in place would change this one too, and the two
            # would always be equal.
            self._jwks = [dict(key) for key in jwks]
            self._generation += 1
