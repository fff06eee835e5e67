"""Processes start on first use, are few, end with all that they started, and may fail alone."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.gateway.stdio import StdioCommand, StdioLimits, StdioServer
from doorward.gateway.stdio.child_session import ChildSession
from doorward.gateway.stdio.refusals import StdioServerNotStarted
from tests.gateway.stdio.stdio_servers import (
    ALICE,
    BOB,
    client_of,
    command,
    session_of,
    stdio_server,
)
from tests.ledger import proves
from tests.mcp_server.rpc_client import person


def is_running(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


async def gone(pid: int) -> bool:
    """Say whether a process ends; its end takes the kernel a moment."""
    for _ in range(1000):
        if not is_running(pid):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_nothing_runs_before_the_first_request() -> None:
    async with stdio_server() as server, client_of(server) as client:
        before = len(server.processes)
        await client.call("echo", text="hello")
        after = len(server.processes)

    assert (before, after) == (0, 1)


@proves("S160", "refuses", "stdio server limits")
@proves("S218", "refuses", "stdio child per principal")
async def test_a_process_gets_no_variable_that_was_not_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("WANTED", "yes")
    async with (
        stdio_server(environment={"COLOUR": "green"}, inherit=("WANTED",)) as server,
        client_of(server) as client,
    ):
        found = json.loads((await client.call("environment")).content_text)

    assert "DATABASE_PASSWORD" not in found
    assert (found["COLOUR"], found["WANTED"], found["DOORWARD_SUBJECT"]) == (
        "green",
        "yes",
        "alice",
    )


@proves("S160", "refuses", "stdio server limits")
async def test_arguments_are_never_read_by_a_shell(tmp_path: Path) -> None:
    target = tmp_path / "made"
    async with stdio_server(f"; touch {target}") as server, client_of(server) as client:
        await client.call("echo", text=f"$(touch {target})")

    assert not target.exists()


@proves("S218", "refuses", "stdio child per principal")
async def test_a_process_ends_with_all_that_it_started() -> None:
    async with stdio_server("stays") as server, client_of(server) as client:
        pid = int((await client.call("whoami")).content_text.split()[1])
        daemon = int((await client.call("grandchild")).content_text)
        assert is_running(daemon)

    assert await gone(pid)
    assert await gone(daemon)


async def test_an_idle_process_is_stopped_and_started_again() -> None:
    now = [1000.0]
    async with (
        stdio_server(limits=StdioLimits(idle=60), clock=lambda: now[0]) as server,
        client_of(server) as client,
    ):
        first = (await client.call("whoami")).content_text
        now[0] += 59
        await server.stop_idle()
        kept = (await client.call("whoami")).content_text
        now[0] += 61
        await server.stop_idle()
        second = (await client.call("whoami")).content_text

    assert first == kept != second


async def test_at_the_limit_an_idle_process_makes_room() -> None:
    async with stdio_server(limits=StdioLimits(processes=1)) as server:
        for who in (ALICE, BOB, ALICE):
            async with client_of(server, identity=who) as client:
                answer = await client.call("whoami")
            assert answer.content_text.startswith(who.subject)
            assert len(server.processes) == 1


@proves("S218", "accepts", "stdio child per principal")
async def test_many_users_share_few_processes_and_see_their_own_answers() -> None:
    async def call(number: int) -> str:
        async with client_of(server, identity=person(f"user{number}")) as client:
            return (await client.call("whoami")).content_text.split()[0]

    async with stdio_server(limits=StdioLimits(processes=4)) as server:
        said = await asyncio.gather(*(call(number) for number in range(24)))

    assert said == [f"user{number}" for number in range(24)]


async def test_a_user_over_the_own_limit_waits_and_takes_nothing_from_others() -> None:
    capable: dict[str, Any] = {"elicitation": {}}
    limits = StdioLimits(processes=3, processes_per_user=1)
    async with (
        stdio_server(limits=limits) as server,
        session_of(server, capabilities=capable) as one,
        session_of(server, capabilities=capable) as other,
        client_of(server, identity=BOB) as bob,
    ):
        answers = [await client.ask("tools/list") for client in (one, other)]
        await bob.call("whoami")
        running = len(server.processes)

    assert all("result" in answer for answer in answers)
    assert running == 2


async def test_a_process_that_ends_fails_its_calls_alone_and_is_started_again() -> None:
    now = [1000.0]
    async with (
        stdio_server(clock=lambda: now[0]) as server,
        client_of(server, identity=ALICE) as alice,
        client_of(server, identity=BOB) as bob,
    ):
        ended = await alice.call("crash")
        paused = await alice.call("echo", text="hello")
        other = await bob.call("echo", text="hello")
        now[0] += 1.5
        again = await alice.call("echo", text="hello")

    assert (ended.status, ended.error["data"]["reason"]) == (502, "stdio-server-ended")
    assert (paused.status, paused.error["data"]["reason"]) == (503, "stdio-server-not-started")
    assert other.content_text == again.content_text == "hello"


@proves("S160", "refuses", "stdio server limits")
@proves("S160", "accepts", "stdio server limits")
async def test_a_message_over_the_limit_ends_the_process_and_not_the_gateway() -> None:
    async with (
        stdio_server(limits=StdioLimits(message=100_000)) as server,
        client_of(server, identity=ALICE) as alice,
        client_of(server, identity=BOB) as bob,
    ):
        small = await alice.call("huge", size=90_000)
        large = await alice.call("huge", size=110_000)
        other = await bob.call("echo", text="hello")

    assert len(small.content_text) == 90_000
    assert large.error["data"]["reason"] == "stdio-server-ended"
    assert other.content_text == "hello"


async def test_a_silent_process_is_told_to_stop_and_the_client_gets_504() -> None:
    async with (
        stdio_server(limits=StdioLimits(request=0.05)) as server,
        client_of(server) as client,
    ):
        slow = await client.call("hang")

    assert (slow.status, slow.error["data"]["reason"]) == (504, "stdio-server-slow")


async def test_text_on_stdout_is_skipped() -> None:
    async with stdio_server() as server, client_of(server) as client:
        answer = await client.call("noise", text="hello")

    assert answer.content_text == "hello"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (command("exits"), "ended with status 4. It wrote: no database"),
        (command("silent", limits=StdioLimits(start=0.05)), "did not answer initialize in time"),
        (StdioCommand(command=("/no/such/program",)), "No such file or directory"),
    ],
    ids=["exits at once", "says nothing", "does not exist"],
)
async def test_a_command_that_cannot_be_started_is_a_clear_error(
    bad: StdioCommand, said: str
) -> None:
    server = StdioServer(bad)
    with pytest.raises(StdioServerNotStarted) as failure:
        await ChildSession.open(
            bad, log=print, user={}, declared={}, notified=lambda _method, _params: None
        )
    async with client_of(server) as client:
        refused = await client.call("echo", text="hello")
    await server.aclose()

    assert said in failure.value.detail
    assert (refused.status, refused.error["data"]["reason"]) == (503, "stdio-server-not-started")
    assert "No such" not in refused.text
    assert "database" not in refused.text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"command": ()}, "stdio-command"),
        ({"command": ("a\0b",)}, "stdio-command"),
        ({"command": ("a",), "environment": {"A=B": "c"}}, "stdio-environment"),
        ({"command": ("a",), "environment": {"DOORWARD_SUBJECT": "root"}}, "stdio-environment"),
        ({"command": ("a",), "inherit": ("LD PRELOAD",)}, "stdio-environment"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        StdioCommand(**settings)

    assert refused.value.reason == reason


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        StdioLimits(processes=0)

    assert refused.value.reason == "stdio-limit"


async def test_a_process_cannot_take_more_memory_than_its_limit() -> None:
    async with (
        stdio_server(limits=StdioLimits(memory=300 * 1024 * 1024)) as server,
        client_of(server) as client,
    ):
        small = await client.call("huge", size=1000)
        large = await client.call("huge", size=400 * 1024 * 1024)

    assert len(small.content_text) == 1000
    assert "error" in large.message


@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_thousand_users_share_fifty_processes() -> None:
    answered: list[int] = []
    turned_away = 0

    async def call(number: int) -> None:
        nonlocal turned_away
        async with client_of(server, identity=person(f"user{number}")) as client:
            answer = await client.call("whoami")
        while "error" in answer.message:
            assert answer.error["data"]["reason"] == "stdio-servers-busy"
            turned_away += 1
            async with client_of(server, identity=person(f"user{number}")) as client:
                answer = await client.call("whoami")
        assert answer.content_text.split()[0] == f"user{number}"
        answered.append(number)

    async with stdio_server(limits=StdioLimits(processes=50)) as server:
        await asyncio.gather(*(call(number) for number in range(1000)))
        most = len(server.processes)

    assert sorted(answered) == list(range(1000))
    assert most <= 50
