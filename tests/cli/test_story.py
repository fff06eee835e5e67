"""``doorward story``: the list, one attempt, JSON, and its exit statuses."""

import json
from collections.abc import Callable

import pytest

from doorward.cli.exit_codes import ExitCode
from doorward.cli.server import story as verb
from doorward.client.refusals import Unreachable
from doorward.operations.story.as_json import from_json
from doorward.operations.story.hop import Attempt
from tests.cli.conftest import Command
from tests.operations.story.hops import NOW, attempt, hop, stopped_at_a_provider

Put = Callable[..., None]
BAD = "\x1b[2Jx\u202e"


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Give a function that says what the running process keeps, the newest first."""

    def put(*attempts: Attempt) -> None:
        async def read(_origin: str) -> tuple[float, tuple[Attempt, ...]]:
            return NOW + 3000, attempts

        monkeypatch.setattr(verb, "read_attempts", read)

    return put


def test_the_list_has_each_attempt_and_how_it_ended(doorward: Command, process: Put) -> None:
    process(stopped_at_a_provider())
    ended = doorward("story")

    assert ended.status == 0
    assert "968eeb3e" in ended.out
    assert "Claude Code, user alice" in ended.out
    assert "stopped before this process" in ended.out


@pytest.mark.parametrize("wanted", ["last", "968eeb3e"])
def test_one_attempt_is_shown_message_by_message(
    doorward: Command, process: Put, wanted: str
) -> None:
    process(stopped_at_a_provider(), attempt("challenge", id="00000000"))
    lines = doorward("story", wanted).out.splitlines()

    assert lines[0].startswith("968eeb3e")
    assert lines[2].strip() == "MCP client → MCP server: Call without a token: POST /mcp"
    assert lines[-1] == "Token issued, /mcp never called again: stopped before this process."


def test_json_is_what_the_process_said(doorward: Command, process: Put) -> None:
    kept = stopped_at_a_provider()
    process(kept)
    found = json.loads(doorward("story", "--json").out)

    assert from_json(found) == (NOW + 3000, (kept,))
    assert found["attempts"][0]["state"] == "stopped"


def test_no_attempt_yet_is_no_error(doorward: Command, process: Put) -> None:
    process()
    ended = doorward("story")

    assert (ended.status, ended.out) == (0, "")
    assert "Connect a client" in ended.err


def test_an_attempt_that_is_not_kept_is_a_wrong_argument(doorward: Command, process: Put) -> None:
    process(attempt("challenge"))
    ended = doorward("story", "ffffffff", "--json")

    assert ended.status == ExitCode.USAGE
    assert json.loads(ended.out)["error"]["code"] == "no-such-attempt"


def test_follow_prints_all_attempts_as_text_only(doorward: Command) -> None:
    ended = doorward("story", "--follow", "--json")

    assert ended.status == ExitCode.USAGE
    assert json.loads(ended.out)["error"]["code"] == "follow-alone"


def test_a_process_that_does_not_answer_is_unreachable(
    doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(origin: str) -> None:
        raise Unreachable("no-story", f"{origin} does not answer.")

    monkeypatch.setattr(verb, "read_attempts", read)

    assert doorward("story", "--at", "http://127.0.0.1:1").status == ExitCode.UNREACHABLE


def test_follow_prints_each_message_once(
    doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    hops = [hop("challenge"), hop("server-metadata"), hop("registration")]
    readings = iter([hops[:1], hops[:2], hops])

    async def read(_origin: str) -> tuple[float, tuple[Attempt, ...]]:
        found = next(readings, None)
        if found is None:
            raise Unreachable("no-story", "The process has ended.")
        return NOW, (attempt(*found),)

    monkeypatch.setattr(verb, "read_attempts", read)
    monkeypatch.setattr(verb, "_INTERVAL", 0)
    ended = doorward("story", "--follow")

    assert ended.status == ExitCode.UNREACHABLE
    assert [line for line in ended.out.splitlines() if "POST /register" in line] != []
    assert ended.out.count("Call without a token") == 1


def test_no_text_controls_the_terminal(doorward: Command, process: Put) -> None:
    bad = hop("call", reason=BAD, sent=(BAD,), correlation_id=BAD)
    process(attempt(bad, id=BAD, client_name=BAD, user=BAD))

    for arguments in (("story",), ("story", "last")):
        told = doorward(*arguments).out
        assert "\x1b" not in told
        assert "\u202e" not in told
