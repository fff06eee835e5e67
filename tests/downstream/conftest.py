"""An issuer, a caller, and a clock that a test sets."""

from collections.abc import Iterator
from typing import Any

import pytest

from doorward import Guard
from doorward.identity import Identity
from doorward.testing import TokenMint
from tests.downstream.issuer import Issuer, issuing
from tests.downstream.routes import guard_of, mint_of

OURS = "https://mcp.example/mcp"


class Clock:
    """Seconds since 1970, as far as a test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of this test's own."""
    return Clock()


@pytest.fixture(scope="module")
def listening_issuer() -> Iterator[Issuer]:
    """One listening issuer for a file."""
    with issuing() as one:
        yield one


@pytest.fixture
def issuer(listening_issuer: Issuer) -> Issuer:
    """The issuer, as if nobody had asked it yet."""
    one = listening_issuer
    fresh = Issuer(one.base)
    for name in ("answer", "headers", "forms", "authorizations", "gate", "metadata"):
        setattr(one, name, getattr(fresh, name))
    one.metadata_fetches = 0
    return one


@pytest.fixture
def mint(issuer: Issuer) -> TokenMint:
    """Mints the tokens of this test's issuer."""
    return mint_of(issuer)


@pytest.fixture
def guard(issuer: Issuer, mint: TokenMint) -> Guard:
    """A guard that lets every other path through to the application."""
    return guard_of(issuer, mint, serve_other_paths=True)


def caller(issuer: Issuer, /, subject: str = "alice", **changes: Any) -> Identity:
    """Return somebody with a token of ``issuer``."""
    told: dict[str, Any] = {
        "issuer": issuer.issuer,
        "subject": subject,
        "client_id": "client",
        "scopes": frozenset({"mcp:tools"}),
        "roles": frozenset(),
        "expires_at": 2e9,
    }
    return Identity(**{**told, **changes})
