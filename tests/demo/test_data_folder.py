"""What the demo keeps for its next start, and where."""

import socket
from pathlib import Path

import pytest

from doorward.cli.server import demo as verb
from doorward.demo.app import Demo, DemoSettings
from doorward.demo.app import run as run_demo
from doorward.demo.data_folder import DATABASE, open_folder, usual_folder
from doorward.errors import ConfigurationError
from tests.demo.sign_in import URL, Blank, get_code, http_to, register


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's folder for Doorward's files."""
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_each_port_has_a_folder_that_only_this_user_can_enter(home: Path) -> None:
    one, other = usual_folder(9000), usual_folder(9100)

    assert one is not None
    assert one != other
    assert one.parent == home
    assert one.stat().st_mode & 0o077 == 0


def test_without_a_fixed_port_there_is_nothing_to_keep() -> None:
    assert usual_folder(0) is None


def test_nothing_is_kept_where_others_can_write(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)

    assert usual_folder(9000) is None


def test_nothing_is_kept_where_no_folder_can_be_made(home: Path) -> None:
    home.write_text("a file")

    assert usual_folder(9000) is None


async def token_status(folder: Path, token: str) -> int:
    """Start a demo with that folder, and return how it answers ``token``."""
    demo = Demo(URL, DemoSettings(data=folder), Blank())
    await demo.start()
    async with http_to(demo) as http:
        answer = await http.get("/mcp", headers={"Authorization": f"Bearer {token}"})
    await demo.aclose()
    return answer.status_code


async def test_a_client_and_a_token_outlive_a_restart_until_somebody_starts_afresh(
    tmp_path: Path,
) -> None:
    folder = open_folder(tmp_path / "data", fresh=False)
    (folder / "of-the-user").write_text("kept")
    demo = Demo(URL, DemoSettings(data=folder, sign_in_as="alice"), Blank())
    await demo.start()
    async with http_to(demo) as http:
        client = await register(http)
        fields = await get_code(http, client, demo.addresses.mcp)
        token = (await http.post("/token", data=fields)).json()["access_token"]
    await demo.aclose()

    open_folder(folder, fresh=False)
    assert await token_status(folder, token) == 405
    open_folder(folder, fresh=True)
    assert await token_status(folder, token) == 401
    assert (folder / "of-the-user").read_text() == "kept"


async def test_data_that_cannot_be_read_is_a_refusal_that_names_the_way_out(
    tmp_path: Path,
) -> None:
    (tmp_path / DATABASE).write_text("no database, but long enough to be taken for one")
    folder = open_folder(tmp_path, fresh=False)
    demo = Demo(URL, DemoSettings(data=folder), Blank())

    with pytest.raises(ConfigurationError) as refusal:
        await demo.start()

    assert refusal.value.reason == "unusable-data"
    assert "--fresh" in refusal.value.hint
    open_folder(folder, fresh=True)
    again = Demo(URL, DemoSettings(data=folder), Blank())
    await again.start()
    await again.aclose()


@pytest.mark.parametrize(
    ("sign_in_as", "kept"),
    [pytest.param(None, True, id="asks"), pytest.param("alice", False, id="asks-nobody")],
)
def test_consents_that_nobody_was_asked_for_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, sign_in_as: str | None, kept: bool
) -> None:
    seen: list[DemoSettings] = []

    async def run(settings: DemoSettings, _: object) -> None:
        seen.append(settings)

    monkeypatch.setattr(verb, "run", run)
    # Settings of the whole process.
    monkeypatch.setattr("structlog.configure", lambda **_: None)

    verb.demo(port=9000, sign_in_as=sign_in_as)

    assert (seen[0].data, seen[0].keep) == (None, kept)


async def test_a_demo_that_cannot_listen_leaves_no_folder(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = DemoSettings(port=taken.getsockname()[1], keep=True, fresh=True)

        with pytest.raises(ConfigurationError):
            await run_demo(settings, Blank())

    assert not home.exists()
