"""What the client's tests share: a house to be a guest in, and a wallet in a folder of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doorward.client import Connection, FileStore, TokenStore, open_connection
from tests.client.house import SERVER, House

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


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def token_store(tmp_path: Path) -> TokenStore:
    return TokenStore(FileStore(tmp_path / "doorward"))


@pytest.fixture
def open_house(house: House, token_store: TokenStore, clock: Clock) -> Open:
    @asynccontextmanager
    async def opened(url: str = SERVER, **options: Any) -> AsyncIterator[Connection]:
        given = {"browser": house.browser, "patience": 5.0, **options}
        async with open_connection(
            url, token_store=token_store, transport=house.transport, clock=clock, **given
        ) as connection:
            yield connection

    return opened
