"""Pages for users: each is for one user and a limited time."""

import asyncio
from typing import Any

import pytest

from doorward.identity import Identity
from doorward.mcp_server import McpServer, NotAsked
from doorward.mcp_server.elicitation.pending_pages import MAX_PER_USER, PendingPages
from doorward.mcp_server.elicitation.request_state import RequestStateCipher
from tests.mcp_server.rpc_client import rpc_client
from tests.mcp_server.test_url_elicitation import (
    ALICE,
    BOB,
    ISSUER,
    PAGES,
    Clock,
    calendar,
    id_in,
)


def _other(page: str) -> str:
    return ("A" if page[0] != "A" else "B") + page[1:]


async def page_of(server: McpServer, who: Identity = ALICE) -> tuple[str, str]:
    async with rpc_client(server, capabilities=PAGES, identity=who) as peer:
        result = (await peer.call("connect")).result
    return id_in(result["inputRequests"]["page"]["params"]["url"]), result["requestState"]


async def test_a_pending_page_is_accepted_for_its_user() -> None:
    server = calendar()
    page, _ = await page_of(server)

    server.pending_pages.require(page, issuer=ISSUER, subject="alice")


@pytest.mark.parametrize("does", ["require", "complete"])
@pytest.mark.parametrize(
    ("issuer", "subject", "alter"),
    [
        pytest.param(ISSUER, "bob", lambda page, state: page, id="somebody-else"),
        pytest.param(ISSUER, "", lambda page, state: page, id="nobody"),
        pytest.param("https://b.example", "alice", lambda page, state: page, id="another-issuer"),
        pytest.param(ISSUER, "alice", lambda page, state: _other(page), id="altered"),
        pytest.param(ISSUER, "alice", lambda page, state: page[:-8], id="cut"),
        pytest.param(ISSUER, "alice", lambda page, state: "", id="empty"),
        pytest.param(ISSUER, "alice", lambda page, state: "ä", id="not-ascii"),
        pytest.param(ISSUER, "alice", lambda page, state: state, id="a-request-state"),
    ],
)
async def test_a_pending_page_is_refused_for_another_user_or_an_altered_id(
    does: str, issuer: str, subject: str, alter: Any
) -> None:
    server = calendar()
    page, state = await page_of(server)
    shown = alter(page, state)

    async def use() -> None:
        if does == "complete":
            await server.pending_pages.complete(shown, issuer=issuer, subject=subject)
            return
        server.pending_pages.require(shown, issuer=issuer, subject=subject)

    with pytest.raises(NotAsked) as refusal:
        await use()

    assert (refusal.value.code, refusal.value.status) == ("not-asked", 403)
    assert not await server.pending_pages.is_completed(ALICE, page, wait=0)


async def test_a_pending_page_expires_and_belongs_to_one_server() -> None:
    clock, key = Clock(), b"k" * 32
    server = calendar(clock, state_key=key, state_ttl=60)
    page, _ = await page_of(server)
    same = calendar(clock, state_key=key)
    other = McpServer("other", version="1.0", clock=clock, state_key=key)

    clock.now += 59
    same.pending_pages.require(page, issuer=ISSUER, subject="alice")
    with pytest.raises(NotAsked):
        other.pending_pages.require(page, issuer=ISSUER, subject="alice")
    clock.now += 1
    with pytest.raises(NotAsked):
        server.pending_pages.require(page, issuer=ISSUER, subject="alice")


async def test_one_user_cannot_evict_the_pending_pages_of_another() -> None:
    pages = PendingPages(RequestStateCipher(None), "test", 60, Clock())
    kept = pages.begin(ALICE, None)
    his = [pages.begin(BOB, None) for _ in range(MAX_PER_USER + 1)]
    for page, who in ((kept, ALICE), (his[0], BOB), (his[-1], BOB)):
        await pages.complete(page, issuer=ISSUER, subject=who.subject)

    assert await pages.is_completed(ALICE, kept, wait=0)
    assert len(pages) == 1 + MAX_PER_USER


async def test_a_page_of_one_process_can_be_completed_in_another() -> None:
    key = b"k" * 32
    asked, elsewhere = (
        PendingPages(RequestStateCipher(key), "test", 60, Clock()) for _ in range(2)
    )
    page = asked.begin(ALICE, None)
    waiting = asyncio.create_task(elsewhere.is_completed(ALICE, page, wait=5))
    while not elsewhere.waiting:
        await asyncio.sleep(0)
    await elsewhere.complete(page, issuer=ISSUER, subject="alice")

    assert await waiting
    assert not await elsewhere.is_completed(BOB, page, wait=0)


async def test_expired_pages_are_removed() -> None:
    clock = Clock()
    pages = PendingPages(RequestStateCipher(None), "test", 60, clock)
    for _ in range(5):
        pages.begin(ALICE, None)
    clock.now += 61
    pages.begin(BOB, None)

    assert len(pages) == 1
