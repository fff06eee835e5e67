"""The endpoints that programs call answer alike, directly or through the routes."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.authserver.conftest import StoppedClock
from tests.authserver.harness import AuthServerHarness

DOCUMENTS = ("/.well-known/oauth-authorization-server", "/jwks.json")


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_is_the_same_each_time_and_below_a_mount(
    harness: AuthServerHarness, path: str
) -> None:
    # Below another application, the routes answer.
    mounted = httpx2.ASGITransport(app=Starlette(routes=[Mount("/below", harness.app)]))
    async with httpx2.AsyncClient(transport=mounted, base_url="http://localhost:9000") as http:
        by_route = await http.get("/below" + path)

    first, second = await harness.http.get(path), await harness.http.get(path)

    assert first.content == second.content == by_route.content
    assert first.headers.multi_items() == second.headers.multi_items()
    assert first.headers.multi_items() == by_route.headers.multi_items()
    assert first.headers.get_list("access-control-allow-origin") == ["*"]


async def test_a_new_key_is_in_the_next_key_set(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    before = (await harness.http.get("/jwks.json")).json()
    await harness.server.keys.rotate()
    clock.advance(1)

    after = (await harness.http.get("/jwks.json")).json()

    assert len(after["keys"]) == len(before["keys"]) + 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/jwks.json", 200),
        ("OPTIONS", "/token", 204),
        ("GET", "/token", 405),
        ("POST", "/token/", 404),
        ("POST", "/jwks.json", 405),
    ],
)
async def test_every_other_method_and_path_is_answered_by_the_routes(
    harness: AuthServerHarness, method: str, path: str, status: int
) -> None:
    assert (await harness.http.request(method, path)).status_code == status
