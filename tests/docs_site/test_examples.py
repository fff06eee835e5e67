"""The examples on the pages do what the pages say, with a real Keycloak where they need an issuer."""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.keycloak.reading import claims_of
from tests.keycloak.running import RunningKeycloak
from tests.pages.browser import served

ROOT = Path(__file__).parents[2]
Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Give a function that imports an example afresh, with settings of its own."""

    def loaded(name: str, **settings: str) -> ModuleType:
        for key, value in settings.items():
            monkeypatch.setenv(key, value)
        monkeypatch.delitem(sys.modules, f"examples.{name}", raising=False)
        return importlib.import_module(f"examples.{name}")

    return loaded


async def call(app: Any, tool: str, credential: str, **arguments: Any) -> httpx2.Response:
    """Call a tool in a legacy protocol revision, which needs no more than this."""
    message = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }  # fmt: skip
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost:9000", trust_env=False, timeout=60
    ) as client:
        return await client.post(
            "/mcp",
            json=message,
            headers={
                "Authorization": f"Bearer {credential}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            },
        )


def _key_in(folder: Path) -> tuple[str, Path]:
    presented, kept = new_api_key(
        name="nightly",
        now=time.time(),
        lifetime=60,
        scopes=frozenset({"orders:read", "orders:refund"}),
    )
    file = folder / "keys.json"
    write_keys(file, [kept])
    return presented, file


async def test_an_api_key_is_served_where_its_kind_may_come(load: Load, tmp_path: Path) -> None:
    key, file = _key_in(tmp_path)
    example = load("opaque_tokens", API_KEYS=str(file))

    answer = await call(example.app, "orders_of_today", key)

    assert answer.status_code == 200, answer.text
    assert "shown to key" in answer.text


async def test_an_api_key_is_refused_where_a_person_must_answer(load: Load, tmp_path: Path) -> None:
    key, file = _key_in(tmp_path)
    example = load("opaque_tokens", API_KEYS=str(file))

    answer = await call(example.app, "refund", key, order="1", amount=2.0)

    assert answer.status_code == 403
    assert answer.json()["error"]["data"]["reason"] == "kind-not-allowed"


@pytest.mark.e2e
@pytest.mark.parametrize("file", ["test_permissions.py", "test_orders.py"])
def test_the_tests_of_the_examples_pass(file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"examples/{file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.e2e
@pytest.mark.needs("keycloak")
async def test_a_tool_calls_the_next_server_as_its_user_and_with_another_token(
    load: Load, running_keycloak: RunningKeycloak
) -> None:
    came: list[str] = []

    async def orders(request: Request) -> PlainTextResponse:
        came.append(request.headers["authorization"].removeprefix("Bearer "))
        return PlainTextResponse("one order")

    token = running_keycloak.token("mcp-admin")
    with served(Starlette(routes=[Route("/orders", orders)])) as api:
        example = load("call_downstream", ISSUER=running_keycloak.issuer, ORDERS_API=api)
        answer = await call(example.app, "my_orders", token)

    assert answer.status_code == 200, answer.text
    (passed_on,) = came
    assert passed_on != token
    mine, theirs = claims_of(token), claims_of(passed_on)
    assert theirs["sub"] == mine["sub"]
    assert theirs["aud"] == "downstream-api"
