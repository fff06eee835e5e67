"""Remembered attempts that say nothing about a proxy, or of which nobody can tell whose they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from doorward.client.refusals import Unreachable
from doorward.doctor.running_process import operations_origin, read_attempts, require_origin
from doorward.errors import ConfigurationError
from doorward.operations.story.hop import Attempt
from tests.doctor.broken.inside import known
from tests.doctor.healthy import plain
from tests.doctor.test_inside import FILE
from tests.doctor.world import codes, examined
from tests.e2e.processes import free_port
from tests.operations.story.hops import NOW, attempt, hop

STOPPED = attempt("challenge", "consent", "token", client_id="c1", user="alice")


def _with(operations: str) -> str:
    return f"{FILE}\n[operations]\n{operations}\n"


@pytest.mark.parametrize(
    "attempts",
    [
        pytest.param((attempt("challenge", "consent", "token", "call"),), id="connected"),
        pytest.param((attempt("challenge", "authorization"),), id="nobody-signed-in"),
        pytest.param((attempt("challenge"),), id="only-a-challenge"),
        pytest.param(
            (attempt(hop("call", status=401, reason="wrong-audience")), STOPPED),
            id="a-refused-call-of-whom",
        ),
        pytest.param(
            (attempt("token", "call", client_id="c1", user="alice"), STOPPED), id="tried-again"
        ),
    ],
)
async def test_attempts_that_prove_nothing_are_no_finding(attempts: tuple[Attempt, ...]) -> None:
    world = known(plain())
    assert world.inside is not None
    world.inside = replace(world.inside, attempts=attempts, now=NOW + 3000)

    assert codes(await examined(world)) == []


async def test_a_recent_token_is_waited_for() -> None:
    world = known(plain())
    assert world.inside is not None
    world.inside = replace(world.inside, attempts=(STOPPED,), now=NOW + 10)

    assert codes(await examined(world)) == []


@pytest.mark.parametrize(
    ("listen", "origin"),
    [
        ("127.0.0.1:9100", "http://127.0.0.1:9100"),
        ("0.0.0.0:9100", "http://127.0.0.1:9100"),
        ("[::]:9100", "http://[::1]:9100"),
    ],
)
def test_the_file_says_where_the_story_is(tmp_path: Path, listen: str, origin: str) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(_with(f'listen = "{listen}"\nstory = true'))

    assert operations_origin(file) == origin


def test_a_file_without_the_switch_says_how_to_set_it(tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(_with('listen = "127.0.0.1:9100"'))

    assert operations_origin(file) is None
    with pytest.raises(ConfigurationError) as refused:
        require_origin(file)
    assert refused.value.reason == "no-story-in-file"


async def test_a_process_that_does_not_run_is_said_to_be_unreachable() -> None:
    with pytest.raises(Unreachable) as refused:
        await read_attempts(f"http://127.0.0.1:{free_port()}")

    assert refused.value.reason == "no-story"
