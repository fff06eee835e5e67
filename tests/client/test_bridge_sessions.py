"""The bridge and a server of a legacy protocol revision that loses its sessions."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from doorward.client.mcp.bridge import Bridge
from tests.client.test_streams import Chunks, Script, result

URL = "https://mcp.example/mcp"
GREETING = {
    "jsonrpc": "2.0",
    "id": "hello",
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"roots": {}},
        "clientInfo": {"name": "theirs", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Forgetful:
    """A server that knows only its latest session; ``forget`` is a restart."""

    def __init__(self, *versions: str) -> None:
        self.versions = list(versions) or ["2025-11-25"]
        self.begun = 0
        self.known: str | None = None
        self.served: list[Any] = []
        self.listened: list[str | None] = []
        self.script = Script(self.answer)

    def forget(self) -> None:
        self.known = None

    def answer(self, request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
        session = request.headers.get("mcp-session-id")
        if request.method == "GET":
            self.listened.append(session)
            return httpx2.Response(405 if session == self.known else 404, stream=Chunks())
        if message.get("method") == "initialize":
            version = self.versions[min(self.begun, len(self.versions) - 1)]
            self.begun += 1
            self.known = f"session-{self.begun}"
            answer = result(message, protocolVersion=version, capabilities={})
            answer.headers["mcp-session-id"] = self.known
            return answer
        if request.method == "DELETE":
            return httpx2.Response(204, stream=Chunks())
        if session is None or session != self.known:
            return httpx2.Response(404, stream=Chunks())
        self.served.append(message["id"])
        return result(message, said=message["id"])


async def carry(server: Forgetful, *turns: Any) -> list[dict[str, Any]]:
    """Send the turns one after another, each when the one before was answered; run functions."""
    said: list[dict[str, Any]] = []
    news = asyncio.Event()

    async def send(line: bytes) -> None:
        said.append(json.loads(line))
        news.set()

    async def lines() -> AsyncIterator[bytes]:
        for turn in turns:
            if callable(turn):
                turn()
                continue
            batch = turn if isinstance(turn, list) else [turn]
            wanted = len(said) + sum("id" in message for message in batch)
            for message in batch:
                yield json.dumps(message).encode()
            while len(said) < wanted:
                news.clear()
                await news.wait()

    async with httpx2.AsyncClient(transport=server.script) as http:
        await Bridge(URL, http).run(lines(), send)
    return said


def ask(number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}}


async def test_the_bridge_replaces_a_lost_session_without_an_error_for_its_client() -> None:
    server = Forgetful()

    said = await carry(server, GREETING, INITIALIZED, ask(1), server.forget, ask(2))

    assert [message["id"] for message in said] == ["hello", 1, 2]
    assert all("result" in message for message in said)
    greetings = server.script.messages("initialize")
    assert [greeting["params"] for greeting in greetings] == [GREETING["params"]] * 2
    assert len(server.script.messages("notifications/initialized")) == 2


async def test_concurrent_messages_after_a_session_loss_start_one_new_session() -> None:
    server = Forgetful()

    said = await carry(
        server, GREETING, INITIALIZED, server.forget, [ask(number) for number in range(20)]
    )

    assert server.begun == 2
    assert sorted(message["id"] for message in said[1:]) == list(range(20))
    assert sorted(server.served) == list(range(20))


async def test_a_session_lost_twice_for_one_message_is_an_error() -> None:
    server = Forgetful()

    class Never(Forgetful):
        def answer(self, request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
            answer = super().answer(request, message)
            if message.get("method") == "initialize":
                self.known = "another"
            return answer

    server = Never()
    said = await carry(server, GREETING, ask(1))

    assert said[1]["error"]["data"] == {"reason": "no-session"}
    assert server.begun == 2


async def test_a_new_session_with_another_protocol_version_is_an_error() -> None:
    server = Forgetful("2025-11-25", "2025-06-18")

    said = await carry(server, GREETING, INITIALIZED, server.forget, ask(1))

    assert said[1]["error"]["data"] == {"reason": "no-session"}
    assert server.served == []


async def test_a_404_without_a_session_does_not_start_a_session() -> None:
    server = Forgetful()

    said = await carry(server, ask(1))

    assert said[0]["error"]["data"] == {"reason": "unexpected-status"}
    assert server.begun == 0


async def test_the_next_message_retries_a_failed_session_start() -> None:
    class Rising(Forgetful):
        def answer(self, request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
            if message.get("method") == "initialize" and self.begun == 1:
                self.begun += 1
                return httpx2.Response(503, stream=Chunks())
            return super().answer(request, message)

    server = Rising()
    said = await carry(server, GREETING, server.forget, ask(1), ask(2))

    assert said[1]["error"]["data"] == {"reason": "server-error"}
    assert said[2]["result"] == {"said": 2}
