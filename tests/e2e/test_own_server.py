"""From the wheel to a call on one's own server of every kind, by the lines that the pages print."""

from pathlib import Path

import pytest

from tests.e2e.console_session import read_sessions
from tests.e2e.drivers import ROOT
from tests.e2e.walk import Program, Walk, read_programs, run_instead

START = (ROOT / "docs" / "start" / "python-server.md").read_text("utf-8")
MORE = (ROOT / "docs" / "protect.md").read_text("utf-8")
ON_START_PAGE = read_programs(START)
PROGRAMS = {program.file: program for program in [*ON_START_PAGE, *read_programs(MORE)]}
# What the start page does with one program; the others are started and called in the same way.
AT_THE_DEMO = [step for session in read_sessions(START) for step in session]


def test_the_pages_have_a_program_for_every_kind_of_server() -> None:
    assert {
        "protect_fastapi.py",
        "protect_official_sdk.py",
        "protect_fastmcp.py",
        "protect_mounted.py",
    } <= PROGRAMS.keys()


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.file)
def test_a_saved_program_is_called_by_somebody_who_signed_in_at_the_demo(
    program: Program, installed: Path, tmp_path: Path
) -> None:
    walk = Walk(tmp_path, installed)
    walk.save(program)
    # `refund` is a plain route in one of the programs of the other page.
    steps = [
        one for one in AT_THE_DEMO if program in ON_START_PAGE or " refund " not in one.command
    ]

    if found := walk.differences(run_instead(steps, program)):
        pytest.fail("\n".join(found), pytrace=False)
