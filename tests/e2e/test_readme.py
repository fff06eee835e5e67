"""The README's console sessions are run as they stand, with the wheel, in an empty folder."""

from pathlib import Path

import pytest

from tests.e2e.console_session import Session, Step, holds, read_sessions
from tests.e2e.drivers import ROOT
from tests.e2e.walk import Walk, read_programs

README = ROOT / "README.md"


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_the_readme_leads_from_the_demo_to_a_call_on_the_readers_own_server(
    installed: Path, tmp_path: Path
) -> None:
    text = README.read_text("utf-8")
    sessions = read_sessions(text)
    walk = Walk(tmp_path, installed)
    (program,) = read_programs(text)

    walk.save(program)

    assert sessions[-1][-1].command.startswith("doorward call http://localhost:8000/mcp")
    if found := walk.differences([step for session in sessions for step in session]):
        pytest.fail("\n".join(found), pytrace=False)


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


def test_a_session_stops_a_job_where_its_page_does(tmp_path: Path) -> None:
    loop = "python3 -uc 'import time; print(\"up\"); time.sleep(60)' &"
    with Session(tmp_path, {}) as console:
        console.run(Step(loop, ["up"]))

        assert console.run(Step("kill %1 && wait")) == []
        with pytest.raises(IndexError):
            console.run(Step("kill %1 && wait"))
