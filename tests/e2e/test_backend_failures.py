"""A server behind ``doorward serve`` fails in each way that servers fail; the others are served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import types

from tests.e2e.backends import backend
from tests.e2e.processes import free_port
from tests.e2e.served import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.needs("go-servers")]

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
POLICY = 'policy.unknown = "base"'
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1024 * 1024


async def _hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def _nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 this is no HTTP\r\n\r\n")


async def _break_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    event = b'data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n'
    writer.write(EVENTS + b"%x\r\n%b\r\n" % (len(event), event))


async def _flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n"
    )
    for _ in range(100):
        writer.write(b"[" * MEBIBYTE)
        await writer.drain()


FAULTS: dict[str, Answer] = {
    "hanging": _hang,
    "slow": _hang,
    "nonsense": _nonsense,
    "breaking-off": _break_off,
    "flooding": _flood,
}


@asynccontextmanager
async def _answering(answer: Answer) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


async def _outcome(served: Served, name: str, method: str = "ping") -> tuple[int, str]:
    """Return the status, and the reason code or how the body ended."""
    accept = {"Accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": method}
    async with (
        httpx2.AsyncClient(headers={**served.headers, **accept}, timeout=60) as http,
        http.stream("POST", f"{served.origin}/{name}", json=message) as answer,
    ):
        if answer.status_code != 200:
            await answer.aread()
            return answer.status_code, str(answer.json()["error"])
        try:
            await _drained(answer)
        except httpx2.RemoteProtocolError:
            return 200, "broken off"
        return 200, "complete"


async def _drained(answer: httpx2.Response) -> None:
    async for _ in answer.aiter_raw():
        pass


def _peak_memory(served: Served) -> int:
    """Return the largest resident set of the service in MiB."""
    status = Path(f"/proc/{served.service.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


async def test_each_failure_has_its_code_and_the_others_are_served_meanwhile(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as faults:
        urls = {
            name: await faults.enter_async_context(_answering(answer))
            for name, answer in FAULTS.items()
        }
        with ExitStack() as stack:
            urls["healthy"] = stack.enter_context(backend("go-stateless"))
            tables = {name: f'upstream = "{url}"\n{POLICY}' for name, url in urls.items()}
            tables["slow"] = f"timeout = 0.2\n{tables['slow']}"
            served = stack.enter_context(serving(tmp_path, tables))
            hanging = [asyncio.create_task(_outcome(served, "hanging")) for _ in range(20)]
            async with served.client("healthy", "auto") as client:
                during = await client.call_tool("test_simple_text", {})
            waiting = [one.done() for one in hanging]
            slow = await _outcome(served, "slow")
            nonsense = await _outcome(served, "nonsense")
            broken = await _outcome(served, "breaking-off")
            before = _peak_memory(served)
            flooded = await _outcome(served, "flooding")
            listed = await _outcome(served, "flooding", "tools/list")
            grown = _peak_memory(served) - before
            for one in hanging:
                one.cancel()
            async with served.client("healthy", "auto") as client:
                after = await client.call_tool("test_simple_text", {})

    assert isinstance(during, types.CallToolResult)
    assert during == after
    assert waiting == [False] * 20
    assert slow == (504, "upstream-slow")
    assert nonsense == (502, "upstream-broken")
    assert broken == (200, "broken off")
    # An answer passes as it comes, of any size; a list has to be read completely.
    assert flooded == (200, "complete")
    assert listed == (502, "upstream-broken")
    assert grown < 64


async def test_a_killed_server_is_a_502_and_works_again_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    table = f'upstream = "http://127.0.0.1:{port}/mcp"\n{POLICY}'
    with serving(tmp_path, {"one": table}) as served:
        with backend("go-stateless", port):
            before = await _outcome(served, "one", "tools/list")
        killed = await _outcome(served, "one", "tools/list")
        with backend("go-stateless", port):
            after = await _outcome(served, "one", "tools/list")

    assert before == after == (200, "complete")
    assert killed == (502, "upstream-unreachable")
