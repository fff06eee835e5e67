"""The README's console session is run as it stands: what it shows is what one gets."""

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.console_session import Session, Step, holds, read_sessions
from tests.e2e.drivers import ROOT
from tests.e2e.home import environment_of
from tests.e2e.processes import answers, free_port

README = ROOT / "README.md"
WRITTEN_PORT = "9000"


def _elsewhere(step: Step, port: int) -> Step:
    """Return the step for another port, so that a demo of the reader's may go on running."""
    command = step.command.replace(f"localhost:{WRITTEN_PORT}", f"localhost:{port}")
    # The reader stands in the project's folder, and the session here in one of its own.
    command = command.replace(". .venv/", f". {ROOT}/.venv/")
    if command.startswith(("make demo", "doorward demo")):
        command = command.replace("make demo", "doorward demo")
        command = command.replace("doorward demo", f"doorward demo --port {port}", 1)
    says = [line.replace(f"localhost:{WRITTEN_PORT}", f"localhost:{port}") for line in step.says]
    return Step(command, says)


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_every_console_session_of_the_readme_runs_as_it_is_written(tmp_path: Path) -> None:
    sessions = read_sessions(README.read_text())
    assert sessions, "the README has no console session"

    for session in sessions:
        port = free_port()
        home = environment_of(tmp_path, "alice", "alice-demo")
        with Session(tmp_path, home, ready=partial(answers, port)) as console:
            for written in session:
                step = _elsewhere(written, port)
                said = console.run(step)
                assert holds(step.says, said), "\n".join(
                    [f"$ {step.command}", "--- the README says", *step.says, "--- it said", *said]
                )


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        pytest.param(["one", "two"], ["one", "two"], id="word-for-word"),
        pytest.param(["took … ms"], ["took 12.5 ms"], id="within-a-line"),
        pytest.param(["first", "…", "last"], ["first", "a", "b", "last"], id="lines"),
        pytest.param(["first", "…", "last"], ["first", "last"], id="no-lines-at-all"),
        pytest.param(["…"], [], id="nothing"),
        pytest.param(["a.b (c)"], ["a.b (c)   "], id="no-regular-expressions"),
    ],
)
def test_a_session_holds_where_only_the_open_places_differ(
    expected: list[str], said: list[str]
) -> None:
    assert holds(expected, said)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        pytest.param(["one"], ["one", "two"], id="says-more"),
        pytest.param(["one", "two"], ["one"], id="says-less"),
        pytest.param([], ["an error"], id="nothing-expected"),
        pytest.param(["a.b"], ["axb"], id="a-dot-is-a-dot"),
        pytest.param(["took … ms"], ["took", "5 ms"], id="within-a-line-only"),
    ],
)
def test_a_session_that_says_something_else_does_not_hold(
    expected: list[str], said: list[str]
) -> None:
    assert not holds(expected, said)


def test_a_session_is_read_with_its_continued_and_its_background_commands() -> None:
    page = (
        "text\n```console\n$ server --port 1 &\nup\n\n$ call \\\n    --now\ndone\n```\n"
        "```bash\n$ not this\n```\n"
    )

    (steps,) = read_sessions(page)

    assert [(step.command, step.says) for step in steps] == [
        ("server --port 1 &", ["up"]),
        ("call --now", ["done"]),
    ]
    assert [step.in_background for step in steps] == [True, False]


def test_a_session_runs_its_commands_and_stops_what_runs_in_the_background(
    tmp_path: Path,
) -> None:
    loop = "python3 -uc 'import time; print(\"up\"); time.sleep(60)' &"
    with Session(tmp_path, {}) as console:
        assert console.run(Step(loop, ["up"])) == ["up"]
        assert console.run(Step("echo hello; echo wrong >&2")) == ["hello", "wrong"]
