"""Questions of a stdio server find their way to the client whose call it is, and back."""

import asyncio
import json
from typing import Any

from tests.gateway.stdio.stdio_servers import client_of, session_of, stdio_server

FORM = {"message": "City?", "requestedSchema": {"type": "object", "properties": {}}}
ASK = {"name": "ask", "arguments": {"method": "elicitation/create", "params": FORM}}
CAPABLE: dict[str, Any] = {"elicitation": {}}
PARIS = {"action": "accept", "content": {"city": "Paris"}}


async def test_a_client_with_a_session_is_asked_on_the_stream_of_its_call() -> None:
    async with (
        stdio_server() as server,
        session_of(server, capabilities=CAPABLE) as client,
        client.stream("tools/call", ASK) as events,
    ):
        question = await events.next()
        assert question is not None
        await client.post({"jsonrpc": "2.0", "id": question["id"], "result": PARIS})
        answer = await events.next()

    assert (question["method"], question["params"]["message"]) == ("elicitation/create", "City?")
    assert answer is not None
    assert json.loads(answer["result"]["content"][0]["text"]) == PARIS


async def test_a_client_of_2026_07_28_answers_in_a_second_request() -> None:
    async with stdio_server() as server, client_of(server, capabilities=CAPABLE) as client:
        first = (await client.ask("tools/call", ASK)).result
        ((key, question),) = first["inputRequests"].items()
        again = {**ASK, "requestState": first["requestState"], "inputResponses": {key: PARIS}}
        answer = await client.ask("tools/call", again)
        repeated = await client.ask("tools/call", again)

    assert (first["resultType"], question["method"]) == ("input_required", "elicitation/create")
    assert json.loads(answer.content_text) == PARIS
    assert repeated.error["code"] == -32602


async def test_two_clients_that_are_asked_at_once_get_their_own_questions() -> None:
    async def city(of: str) -> str:
        asked = {"method": "elicitation/create", "params": {**FORM, "message": of}}
        async with (
            session_of(server, capabilities=CAPABLE) as client,
            client.stream("tools/call", {"name": "ask", "arguments": asked}) as events,
        ):
            question = await events.next()
            assert question is not None
            result = {"action": "accept", "content": {"said": question["params"]["message"]}}
            await client.post({"jsonrpc": "2.0", "id": question["id"], "result": result})
            answer = await events.next()
        assert answer is not None
        said: str = json.loads(answer["result"]["content"][0]["text"])["content"]["said"]
        return said

    async with stdio_server() as server:
        said = await asyncio.gather(*(city(f"client {number}") for number in range(3)))

    assert said == ["client 0", "client 1", "client 2"]


async def test_a_process_learns_that_its_client_cannot_be_asked() -> None:
    async with stdio_server() as server, client_of(server) as client:
        answer = await client.ask("tools/call", ASK)

    assert json.loads(answer.content_text)["code"] == -32601


async def test_a_client_without_a_session_cannot_be_asked_in_an_older_revision() -> None:
    async with stdio_server() as server, client_of(server, "2025-11-25") as client:
        answer = await client.ask("tools/call", ASK)

    assert json.loads(answer.content_text)["code"] == -32601
