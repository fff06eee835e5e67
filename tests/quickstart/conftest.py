"""The quickstart's folder as a user has it, and Asgardeo on a port of this machine."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.idp.listening import listening
from tests.quickstart.asgardeo import Asgardeo

FOLDER = ROOT / "quickstart"
_MODULES = ("jwt_validator", "protected", "main")


@contextmanager
def asgardeo_listening(**settings: Any) -> Iterator[Asgardeo]:
    """Serve one organization for as long as the block lasts."""
    made: list[Asgardeo] = []

    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Any]:
        made.append(Asgardeo(base, **settings))
        yield made[0].app()

    with listening(build):
        yield made[0]


@pytest.fixture
def asgardeo() -> Iterator[Asgardeo]:
    """An organization of this test's own."""
    with asgardeo_listening() as one:
        yield one


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a file of the folder as ``python main.py`` does: its neighbours by their bare names."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in _MODULES:
        sys.modules.pop(name, None)


def set_env(monkeypatch: pytest.MonkeyPatch, asgardeo: Asgardeo, **more: str) -> None:
    """Set what ``.env`` would."""
    names = {
        "AUTH_ISSUER": asgardeo.issuer,
        "CLIENT_ID": asgardeo.client_id,
        "JWKS_URL": asgardeo.jwks_url,
    }
    for name, value in {**names, **more}.items():
        monkeypatch.setenv(name, value)


def seed_main() -> str:
    """Return the quickstart's ``main.py`` as its first authors wrote it."""
    return (Path(__file__).parent / "seed_main.txt").read_text("utf-8")
