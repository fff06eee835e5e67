"""A clock that a test sets."""

from tests.tokens.signer import NOW


class FakeClock:
    """Seconds since 1970, as far as a test says."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now
