"""Every command on the pages is run, and says what the page says."""

from pathlib import Path

import pytest
from docs.making.pages import ROOT

from tests.docs_site.sessions import differences, reader_of_the_repository, reader_of_the_tutorial
from tests.e2e.console_session import Step, read_sessions
from tests.e2e.processes import free_port
from tests.keycloak.running import RunningKeycloak

pytestmark = pytest.mark.e2e
DOCS = ROOT / "docs"
# Steps 10 and 11 need Keycloak; each of the others is a server of its own.
ALONE = sorted((DOCS / "tutorial").glob("step?.md"))
AT_KEYCLOAK = ["tutorial/step10.md", "tutorial/step11.md", "keycloak-proxy.md", "keycloak.md"]
AT_THE_ROOT = ["gateway.md", "policy.md", "protect.md", "services.md"]
# With the wheel, in an empty folder: tests/e2e/test_start_pages.py and test_own_server.py.
START = sorted((DOCS / "start").glob("*.md"))


def assert_holds(found: list[str]) -> None:
    """Fail with what the page says and what was said, as text."""
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("page", ALONE, ids=lambda page: page.stem)
def test_the_sessions_of_a_step_run_as_they_are_written(page: Path, tmp_path: Path) -> None:
    assert_holds(differences(page, reader_of_the_tutorial(tmp_path)))


@pytest.mark.parametrize("name", AT_THE_ROOT)
def test_the_sessions_at_the_root_of_the_repository_run(name: str, tmp_path: Path) -> None:
    assert_holds(differences(DOCS / name, reader_of_the_repository(tmp_path)))


@pytest.mark.needs("keycloak")
def test_keycloak_is_started_and_asked_as_its_page_says(tmp_path: Path) -> None:
    port = free_port()
    otherwise = {
        "localhost:8080": f"localhost:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{port}",
        "keycloak/start.sh": f"{ROOT}/keycloak/start.sh --port {port}",
    }

    reader = reader_of_the_repository(tmp_path, otherwise)
    # The last session needs the installed wheel: tests/e2e/test_own_server_at_keycloak.py runs it.
    assert_holds(differences(DOCS / "keycloak.md", reader, sessions=slice(-1)))


@pytest.mark.needs("keycloak")
@pytest.mark.parametrize("name", ["tutorial/step10.md", "keycloak-proxy.md"])
def test_the_sessions_at_keycloak_run(
    name: str, running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    ports = {
        "localhost:8080": f"localhost:{running_keycloak.port}",
        "localhost:9090": f"localhost:{free_port()}",
    }
    reader = reader_of_the_tutorial(tmp_path, otherwise=ports)
    running_keycloak.accept_audience(reader.read("http://localhost:9000/mcp"))

    assert_holds(differences(DOCS / name, reader))


@pytest.mark.needs("keycloak")
def test_the_client_signs_its_user_in_as_its_page_says(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    at_keycloak = {"localhost:8080": f"localhost:{running_keycloak.port}"}
    reader = reader_of_the_tutorial(tmp_path, ("mcp-admin", "admin123"), at_keycloak)
    running_keycloak.accept_audience(reader.read("http://localhost:9000/mcp"))
    reader.environment["KEYCLOAK_URL"] = running_keycloak.url
    step10 = Step("uv run step10 --env keycloak_direct.env &", ["…", "Listening on …"])

    assert_holds(differences(DOCS / "tutorial" / "step11.md", reader, [step10]))


def test_no_page_has_a_session_that_nobody_runs() -> None:
    run = {*ALONE, *START, *(DOCS / name for name in [*AT_THE_ROOT, *AT_KEYCLOAK])}
    with_sessions = {page for page in DOCS.rglob("*.md") if read_sessions(page.read_text("utf-8"))}

    assert with_sessions <= run
    # In a list it would be indented, and would not be found.
    assert not [page for page in DOCS.rglob("*.md") if "  ```console" in page.read_text("utf-8")]


def test_a_page_that_says_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ WORD=$(echo said)\n$ echo $WORD\nsaid\n$ echo other\nwritten\n```\n", "utf-8"
    )

    found = differences(page, reader_of_the_tutorial(tmp_path))

    assert found == ["$ echo other", "--- the page says", "written", "--- it said", "other"]
