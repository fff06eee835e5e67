"""Stock clients at the demo with one argument of ours, as the examples write it."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.conftest import Running
from tests.cli.scripted_user import ScriptedUser

pytestmark = pytest.mark.e2e
AsUser = Callable[..., ScriptedUser]


@pytest.fixture(params=["call_with_mcp_sdk", "call_with_fastmcp"])
def example(
    request: pytest.FixtureRequest, demo: Running, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """Import the example, with the demo as its server."""
    name = f"examples.{request.param}"
    monkeypatch.setenv("SERVER", demo.mcp)
    sys.modules.pop(name, None)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def test_a_stock_client_signs_in_and_a_restart_needs_no_browser(
    example: ModuleType, home: Path, as_user: AsUser
) -> None:
    alice = as_user("alice")

    first = asyncio.run(example.main())
    pages = len(alice.pages)
    second = asyncio.run(example.main())

    assert first == second
    assert first in ({"result": 5}, {"result": 5.0}, 5, 5.0)
    assert pages > 0
    assert len(alice.pages) == pages


def test_an_expired_access_token_is_renewed_for_a_stock_client(
    example: ModuleType, demo: Running, home: Path, as_user: AsUser
) -> None:
    alice = as_user("alice")
    asyncio.run(example.main())
    pages = len(alice.pages)

    demo.clock.ahead = 2 * 3600.0
    again = asyncio.run(example.main())
    demo.clock.ahead = 0.0

    assert again
    assert len(alice.pages) == pages
