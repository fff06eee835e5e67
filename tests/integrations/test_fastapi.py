"""A FastAPI application behind the guard, and routes of it that ask for the caller."""

from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.integrations.fastapi import CurrentUser, signed_in
from tests.integrations.guarded_server import ACCEPT, GuardedServer

OPEN = {"serve_other_paths": True}


def web_of(guarded_server: GuardedServer) -> FastAPI:
    """Return an application with an endpoint, and routes beside it."""
    web = FastAPI()

    @web.post("/mcp")
    async def mcp(user: CurrentUser) -> dict[str, str]:
        return {"subject": user.subject}

    @web.get("/mine")
    def mine(user: CurrentUser) -> dict[str, str]:
        return {"subject": user.subject}

    refunder = Depends(signed_in(guarded_server.guard, scopes={"shop:refund"}, roles={"manager"}))

    @web.get("/refunds")
    async def refunds(user: Annotated[Identity, refunder]) -> dict[str, str]:
        return {"subject": user.subject}

    return web


async def test_add_middleware_protects_the_endpoint() -> None:
    guarded_server = GuardedServer(options=OPEN)
    web = web_of(guarded_server)
    web.add_middleware(guarded_server.guard.protect)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with (
        guarded_server.serving(web),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        served = await alice.post("/mcp", json=ping, headers=ACCEPT)
        refused = await nobody.post("/mcp", json=ping, headers=ACCEPT)
        metadata = await nobody.get("/.well-known/oauth-protected-resource/mcp")

    assert served.json() == {"subject": "alice"}
    assert refused.status_code == 401
    assert metadata.json()["resource"] == guarded_server.resource


async def test_a_route_without_the_guard_has_no_caller() -> None:
    guarded_server = GuardedServer(options=OPEN)
    async with (
        guarded_server.serving(guarded_server.guard.protect(web_of(guarded_server))),
        guarded_server.http("alice") as alice,
    ):
        answer = await alice.get("/mine")

    assert answer.status_code == 401


async def test_a_route_verifies_a_token_as_the_endpoint_does() -> None:
    guarded_server = GuardedServer(options=OPEN)
    async with (
        guarded_server.serving(guarded_server.guard.protect(web_of(guarded_server))),
        guarded_server.http("mia", "shop:refund", roles=("manager",)) as mia,
        guarded_server.http("alice") as alice,
        guarded_server.http("bob", "shop:refund") as bob,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        served = await mia.get("/refunds")
        narrow = await alice.get("/refunds")
        roleless = await bob.get("/refunds")
        missing = await nobody.get("/refunds")
        forged = await nobody.get("/refunds", headers={"authorization": "Bearer a.b.c"})

    assert served.json() == {"subject": "mia"}
    assert narrow.status_code == 403
    assert 'scope="mcp:read shop:refund"' in narrow.headers["www-authenticate"]
    assert narrow.json()["detail"]["data"]["reason"] == "scope-missing"
    assert (roleless.status_code, "www-authenticate" in roleless.headers) == (403, False)
    assert (missing.status_code, forged.status_code) == (401, 401)
    assert "error=" not in missing.headers["www-authenticate"]
    assert 'error="invalid_token"' in forged.headers["www-authenticate"]
    assert [event.reason for event in guarded_server.events] == [
        "allowed",
        "scope-missing",
        "not-permitted",
        "missing-token",
        "malformed-token",
    ]


async def test_an_application_under_a_root_path_keeps_its_endpoint_and_its_metadata() -> None:
    guarded_server = GuardedServer(path="/api/mcp", options=OPEN)
    web = FastAPI()
    web.mount("/api", web_of(guarded_server))
    async with (
        guarded_server.serving(guarded_server.guard.protect(web)),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        ping: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        served = await alice.post("/api/mcp", json=ping, headers=ACCEPT)
        found = await nobody.get("/.well-known/oauth-protected-resource/api/mcp")

    assert served.json() == {"subject": "alice"}
    assert found.json()["resource"] == guarded_server.resource


def test_scopes_given_as_a_string_are_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        signed_in(GuardedServer().guard, scopes="shop:refund")

    assert refused.value.reason == "not-a-collection"
