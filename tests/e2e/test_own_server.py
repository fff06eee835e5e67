"""From the wheel to a call on one's own server of every kind, by the lines that the pages print."""

from pathlib import Path

import pytest

from tests.e2e.console_session import read_sessions
from tests.e2e.drivers import ROOT
from tests.e2e.walk import Program, Walk, read_programs, run_instead

PROGRAMS = {
    program.file: program for program in read_programs((ROOT / "docs" / "protect.md").read_text())
}
# The sign-in at the demo is in the README; docs/protect.md refers to it.
AT_THE_DEMO = read_sessions((ROOT / "README.md").read_text())[-1]


def test_the_page_has_a_program_for_every_kind_of_server() -> None:
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

    if found := walk.differences(run_instead(AT_THE_DEMO, program)):
        pytest.fail("\n".join(found), pytrace=False)
