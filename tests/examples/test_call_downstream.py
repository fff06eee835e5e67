"""The example of a tool that calls the next server, as it stands, with a real Keycloak."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doorward.idp import KEYCLOAK
from doorward.tokens import RFC9068, TrustedIssuer, Verifier
from tests.idp.listening import listening
from tests.keycloak.running import RunningKeycloak
from tests.quickstart.calling import call, serving

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The tokens that the orders API was shown."""
    seen: list[str] = []

    async def orders(request: Request) -> Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return PlainTextResponse("two orders")

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Any]:
        yield Starlette(routes=[Route("/orders", orders)])

    with listening(build) as base:
        monkeypatch.setenv("ORDERS_API", base)
        yield seen


@pytest.fixture
def example(
    running_keycloak: RunningKeycloak, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The example, with this Keycloak and this API in its environment."""
    monkeypatch.setenv("ISSUER", running_keycloak.issuer)
    sys.modules.pop("examples.call_downstream", None)
    return importlib.import_module("examples.call_downstream")


async def test_the_orders_api_is_shown_a_token_of_its_own(
    example: ModuleType, running_keycloak: RunningKeycloak, shown: list[str]
) -> None:
    token = running_keycloak.token("mcp-user")
    async with serving(example.app, "http://localhost:9000") as client:
        answer = await call(client, token, "my_orders")

    assert "two orders" in answer.text
    (other,) = shown
    profile = KEYCLOAK.profile or RFC9068
    orders = Verifier(
        [TrustedIssuer(issuer=running_keycloak.issuer, audience="downstream-api", profile=profile)]
    )
    assert (await orders.verify(other.encode())).client_id == "mcp-server"


async def test_whoever_may_not_use_the_tool_is_acted_for_nowhere(
    example: ModuleType, running_keycloak: RunningKeycloak, shown: list[str]
) -> None:
    token = running_keycloak.token("mcp-readonly")
    async with serving(example.app, "http://localhost:9000") as client:
        answer = await call(client, token, "my_orders")

    assert (answer.status_code, shown) == (403, [])
