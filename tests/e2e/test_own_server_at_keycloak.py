"""From the wheel to calls on one's own server, signed in at Keycloak, by the lines of its page."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from keycloak.__main__ import read_options, what_was_done

from tests.e2e.console_session import holds, read_sessions
from tests.e2e.drivers import ROOT
from tests.e2e.walk import Program, Walk, read_programs, run_instead
from tests.keycloak.running import RunningKeycloak

# The first test also makes Keycloak's database.
pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(600)]

START_PAGE = ROOT / "docs" / "start" / "python-server.md"
PROGRAMS = {program.file: program for program in read_programs(START_PAGE.read_text("utf-8"))}
KINDS = ("protect_official_sdk.py", "protect_fastmcp.py", "protect_fastapi.py")
START, *AT_KEYCLOAK = read_sessions((ROOT / "docs" / "keycloak.md").read_text())[-1]


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKeycloak]:
    """Start Keycloak with the words of the page, on a port of its own."""
    _, *words = shlex.split(START.command.removesuffix("&"))
    folder = tmp_path_factory.mktemp("keycloak") / "instance"
    running = RunningKeycloak(folder, read_options(words).mcp_server)
    try:
        yield running
    finally:
        running.close()


def test_the_start_says_what_the_page_says(keycloak: RunningKeycloak) -> None:
    said = what_was_done(keycloak.server).replace(str(keycloak.port), "8080")

    assert holds(START.says, ["Starting Keycloak …", *said.splitlines()])


@pytest.mark.parametrize("file", KINDS)
def test_a_saved_program_is_called_by_somebody_who_signed_in_at_keycloak(
    file: str, keycloak: RunningKeycloak, installed: Path, tmp_path: Path
) -> None:
    program: Program = PROGRAMS[file]
    walk = Walk(
        tmp_path, installed, ("mcp-admin", "admin123"), otherwise={"8080": str(keycloak.port)}
    )
    keycloak.accept_audience(walk.read("http://localhost:8000/mcp"))
    walk.save(program)

    if found := walk.differences(run_instead(AT_KEYCLOAK, program)):
        pytest.fail("\n".join(found), pytrace=False)
