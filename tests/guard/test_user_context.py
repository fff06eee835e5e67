"""A response to a caller names the caller and is not cached by shared caches."""

import json
from typing import Any

import httpx2
import pytest

from doorward.guard.http.user_context import UserContext
from doorward.identity import SCOPE_KEY, Identity
from doorward.wire.asgi import Receive, Scope, Send

MEMBER = "example.org/user"
RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"_meta":{"a":1}}}'
JSON = (b"content-type", b"application/json")


def person(subject: str = "alice") -> Identity:
    return Identity(
        issuer="https://as.example",
        subject=subject,
        client_id="c",
        scopes=frozenset(),
        roles=frozenset({"user"}),
        expires_at=2e9,
    )


async def answer(
    *chunks: bytes,
    user: Identity | None,
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,),
    **how: Any,
) -> httpx2.Response:
    """Return what a peer sees of an application that answers with these chunks."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", str(sum(map(len, chunks))).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
        for chunk in chunks[:-1]:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": chunks[-1]})

    wrapped = UserContext(app, member=MEMBER, **how)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        await wrapped({**scope, SCOPE_KEY: user} if user else scope, receive, send)

    transport = httpx2.ASGITransport(app=guarded)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.post("/mcp")


async def test_a_response_names_its_user_in_headers_and_metadata() -> None:
    told = await answer(RESULT, user=person())

    assert told.headers["mcp-user"] == "alice"
    meta = told.json()["result"]["_meta"]
    assert meta == {"a": 1, MEMBER: {"id": "alice", "roles": ["user"]}}
    assert int(told.headers["content-length"]) == len(told.content)


async def test_a_response_to_a_user_is_not_cached_by_shared_caches() -> None:
    public = (JSON, (b"Cache-Control", b"public, max-age=600"))
    told = await answer(RESULT, user=person(), headers=public)

    assert told.headers.get_list("cache-control") == ["private, no-store"]
    assert "Authorization" in told.headers["vary"]


async def test_a_response_without_a_user_is_unchanged() -> None:
    told = await answer(RESULT, user=None)

    assert told.content == RESULT
    assert "mcp-user" not in told.headers
    assert "cache-control" not in told.headers


async def test_an_application_cannot_override_the_user_header() -> None:
    told = await answer(RESULT, user=person(), headers=(JSON, (b"mcp-user", b"admin")))

    assert told.headers.get_list("mcp-user") == ["alice"]


async def test_the_user_context_can_be_customised() -> None:
    told = await answer(RESULT, user=person(), context=lambda user: {"who": user.key[1]})

    assert told.json()["result"]["_meta"][MEMBER] == {"who": "alice"}


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        pytest.param(
            (b"data: {}\n\n", b"data: {}\n\n"),
            ((b"content-type", b"text/event-stream"),),
            id="stream",
        ),
        pytest.param((b'{"error":{"code":1}}',), (JSON,), id="error"),
        pytest.param((b"[1]",), (JSON,), id="list"),
        pytest.param((b"{",), (JSON,), id="broken"),
        pytest.param((b"",), (), id="empty"),
        pytest.param((b'{"result":', b"{}}"), (JSON,), id="json-in-pieces"),
    ],
)
async def test_a_body_that_is_not_one_json_result_is_unchanged_and_gets_the_headers(
    chunks: tuple[bytes, ...], headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    told = await answer(*chunks, user=person(), headers=headers)

    assert told.content == b"".join(chunks)
    assert told.headers["mcp-user"] == "alice"
    assert told.headers["cache-control"] == "private, no-store"


async def test_a_subject_with_control_characters_cannot_inject_a_header() -> None:
    told = await answer(RESULT, user=person("a\r\nset-cookie: x/ü"))

    assert told.headers["mcp-user"] == "a%0D%0Aset-cookie%3A%20x%2F%C3%BC"
    assert "set-cookie" not in told.headers
    assert json.loads(told.content)["result"]["_meta"][MEMBER]["id"] == "a\r\nset-cookie: x/ü"
