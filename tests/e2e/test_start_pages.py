"""Each start page leads from an empty folder to a call that works, with the wheel."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.backends import EVERYTHING
from tests.e2e.console_session import read_sessions
from tests.e2e.drivers import NODE, ROOT
from tests.e2e.openid_on_a_port import running_provider
from tests.e2e.processes import free_port
from tests.e2e.walk import Walk

PAGES = ROOT / "docs" / "start"
# What a reader brings along, as the tests have installed it.
UVX = {"uvx": f'exec {Path(sys.executable).parent}/"$@"'}
PASSWORD = "correct horse battery"


def walk_page(page: str, walk: Walk) -> None:
    """Type everything on the page."""
    sessions = read_sessions((PAGES / page).read_text("utf-8"))
    if found := walk.differences([step for session in sessions for step in session]):
        pytest.fail("\n".join(found), pytrace=False)


@contextmanager
def reader_with_a_provider(folder: Path, installed: Path) -> Iterator[Walk]:
    """Give a reader who has registered one application at their provider."""
    with running_provider() as provider:
        otherwise = {
            "https://login.example.com": provider.openid.issuer,
            "YOUR-CLIENT-ID": CLIENT_ID,
        }
        walk = Walk(folder, installed, otherwise=otherwise, commands=UVX)
        provider.redirect_uri = walk.read("http://localhost:8000/callback/sso")
        secret = walk.folder / "provider.txt"
        secret.touch(0o600)
        secret.write_text(CLIENT_SECRET, "utf-8")
        yield walk


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_somebody_with_nothing_yet_calls_a_tool_of_the_demo(
    installed: Path, tmp_path: Path
) -> None:
    walk_page("nothing-yet.md", Walk(tmp_path, installed))


@pytest.mark.e2e
@pytest.mark.needs("node-clients")
@pytest.mark.timeout(300)
def test_a_server_in_another_language_is_called_behind_a_sign_in(
    installed: Path, tmp_path: Path
) -> None:
    port = str(free_port())
    commands = {"npx": f"PORT={port} exec {NODE} {EVERYTHING} streamableHttp"}
    walk = Walk(tmp_path, installed, ("alice", PASSWORD), {"3001": port}, commands)

    walk_page("other-language.md", walk)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_stdio_server_is_called_behind_a_sign_in(installed: Path, tmp_path: Path) -> None:
    walk_page("stdio-server.md", Walk(tmp_path, installed, ("alice", PASSWORD), commands=UVX))


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_somebody_with_a_provider_calls_a_server_that_signs_people_in_there(
    installed: Path, tmp_path: Path
) -> None:
    with reader_with_a_provider(tmp_path, installed) as walk:
        walk_page("only-a-provider.md", walk)


def test_every_start_page_is_walked() -> None:
    # The page of Python servers is walked with each of its programs, in test_own_server.py.
    assert {page.name for page in PAGES.glob("*.md")} == {
        "nothing-yet.md",
        "only-a-provider.md",
        "other-language.md",
        "python-server.md",
        "stdio-server.md",
    }
