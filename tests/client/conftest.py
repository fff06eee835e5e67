"""What the client's tests share: a fake issuer, and a token store in a folder of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doorward.client import Connection, FileStore, TokenStore, open_connection
from doorward.client.storage import passphrase_store
from tests.client.fake_issuer import SERVER, FakeIssuer

Open = Callable[..., AbstractAsyncContextManager[Connection]]


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def cheap_passphrases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in little memory, except where another process opens the file."""
    if "e2e" not in request.keywords:
        monkeypatch.setattr(passphrase_store, "MEMORY_KIB", 32)


@pytest.fixture
def fake_issuer() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def token_store(tmp_path: Path) -> TokenStore:
    return TokenStore(FileStore(tmp_path / "doorward"))


@pytest.fixture
def open_client(fake_issuer: FakeIssuer, token_store: TokenStore, clock: Clock) -> Open:
    @asynccontextmanager
    async def opened(url: str = SERVER, **options: Any) -> AsyncIterator[Connection]:
        given = {"browser": fake_issuer.browser, "timeout": 5.0, **options}
        async with open_connection(
            url, token_store=token_store, transport=fake_issuer.transport, clock=clock, **given
        ) as connection:
            yield connection

    return opened
