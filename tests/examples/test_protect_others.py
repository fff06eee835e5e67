"""The examples for other people's servers, as they stand, against an issuer on real sockets."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import httpx2
import pytest

from doorward.testing import TokenMint
from tests.examples.conftest import RESOURCE
from tests.examples.test_protect_fastapi import call

SERVERS = ["examples.protect_official_sdk", "examples.protect_fastmcp"]


def fresh(name: str) -> ModuleType:
    """Import an example anew, as a process of its own would."""
    sys.modules.pop(name, None)
    return importlib.import_module(name)


@asynccontextmanager
async def started(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """Start ``app`` as its server would, and yield a client of it."""
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(app(scope, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client
    await told.put({"type": "lifespan.shutdown"})
    await running


@pytest.mark.parametrize("name", SERVERS)
async def test_the_example_serves_callers_by_name_and_refuses_with_all_that_is_needed(
    name: str, issuer: TokenMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISSUER", issuer.issuer)
    scopes = {"orders:read", "orders:refund"}
    async with started(fresh(name).app) as http:
        mine = await call(http, issuer.mint("alice", scopes={"orders:read"}), "my_orders")
        narrow = await call(http, issuer.mint("alice", scopes={"orders:read"}), "refund")
        manager = issuer.mint("mia", scopes=scopes, roles={"manager"})
        refunded = await call(http, manager, "refund", order="7", amount=3)
        nobody = await call(http, None, "my_orders")

    assert mine.json()["result"]["structuredContent"] == {"result": ["an order of alice"]}
    assert narrow.status_code == 403
    assert 'scope="orders:read orders:refund"' in narrow.headers["www-authenticate"]
    assert refunded.json()["result"]["structuredContent"] == {"result": "refunded 3.00 on 7"}
    assert nobody.status_code == 401


async def test_the_example_in_an_application_serves_its_tools_and_leaves_its_routes_open(
    issuer: TokenMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISSUER", issuer.issuer)
    reader = issuer.mint("alice", scopes={"orders:read"})
    async with started(fresh("examples.protect_mounted").web) as http:
        health, docs = await http.get("/health"), await http.get("/docs")
        metadata = await http.get("/.well-known/oauth-protected-resource/mcp")
        mine = await call(http, reader, "my_orders")
        narrow = await call(http, reader, "refund")
        nobody = await call(http, None, "my_orders")

    assert (health.json(), docs.status_code) == ("well", 200)
    assert metadata.json()["resource"] == RESOURCE
    assert mine.json()["result"]["structuredContent"] == {"result": ["an order of alice"]}
    assert (narrow.status_code, nobody.status_code) == (403, 401)


async def test_the_example_with_plain_routes_judges_each_of_them_with_the_same_guard(
    issuer: TokenMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISSUER", issuer.issuer)
    app = fresh("examples.protect_fastapi_routes").app
    transport = httpx2.ASGITransport(app)
    manager = issuer.mint("mia", scopes={"orders:read", "orders:refund"}, roles={"manager"})
    reader = issuer.mint("alice", scopes={"orders:read"})
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
        health = await http.get("/health")
        done = await http.post("/refunds/7", headers={"authorization": f"Bearer {manager}"})
        refused = await http.post("/refunds/7", headers={"authorization": f"Bearer {reader}"})
        nobody = await http.post("/refunds/7")
        tool = await call(http, reader, "my_orders")

    assert health.json() == "well"
    assert done.json() == {"refunded": "7", "by": "mia"}
    assert 'scope="orders:read orders:refund"' in refused.headers["www-authenticate"]
    assert (refused.status_code, nobody.status_code) == (403, 401)
    assert tool.json()["result"]["structuredContent"] == {"result": ["an order of alice"]}
