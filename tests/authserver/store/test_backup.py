"""A backup, made and restored with the commands of the page, serves the same clients."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.authserver.conftest import StoppedClock
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves

pytestmark = pytest.mark.needs("sqlite3")

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")


def commands(name: str) -> list[str]:
    """Return the commands of the page's block that contains ``name``, without ``doorward check``."""
    (block,) = (one for one in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if name in one)
    return [line for line in block.splitlines() if not line.startswith("doorward ")]


def run(folder: Path, lines: list[str]) -> None:
    """Run commands of the page in the folder of the server."""
    for line in lines:
        subprocess.run(line, shell=True, cwd=folder, check=True)


def opened(folder: Path, clock: StoppedClock, **more: Any) -> Any:
    """Open the server whose files are in ``folder``."""
    return AuthServerHarness.opened(
        clock,
        database_url=f"sqlite+aiosqlite:///{folder / 'doorward.db'}",
        secret_file=folder / "doorward.secret",
        **more,
    )


async def _backed_up(folder: Path, clock: StoppedClock) -> tuple[str, str, str]:
    """Return a client, its refresh token, and a code that was redeemed after the backup."""
    async with opened(folder, clock) as harness:
        client = (await harness.register())["client_id"]
        tokens = await harness.tokens(client)
        code = await harness.code(client)
        run(folder, commands("VACUUM INTO"))
        redeemed = await harness.token(harness.code_fields(client, code))
        assert redeemed.response.status_code == 200
    return client, tokens.refresh, code


@proves("S216", "accepts", "restored backups")
async def test_a_restored_backup_serves_the_same_clients_and_users(
    tmp_path: Path, clock: StoppedClock
) -> None:
    client, refresh, _ = await _backed_up(tmp_path, clock)
    run(tmp_path, commands("rm -f doorward.db"))
    clock.advance(61)
    async with opened(tmp_path, clock) as harness:
        again = await harness.refresh(client, refresh)
        signed_in = await harness.tokens(client)

    assert again.response.status_code == 200
    assert signed_in.response.status_code == 200
    assert (tmp_path / "doorward.db").stat().st_mode & 0o777 == 0o600


@proves("S216", "refuses", "restored backups")
async def test_a_restored_backup_honours_no_code_that_was_redeemed_since(
    tmp_path: Path, clock: StoppedClock
) -> None:
    client, _, code = await _backed_up(tmp_path, clock)
    run(tmp_path, commands("rm -f doorward.db"))
    clock.advance(61)
    async with opened(tmp_path, clock) as harness:
        again = await harness.token(harness.code_fields(client, code))

    assert again.response.status_code == 400
    assert again.body["error"] == "invalid_grant"


async def test_revoke_before_ends_what_a_restore_brought_back(
    tmp_path: Path, clock: StoppedClock
) -> None:
    client, refresh, _ = await _backed_up(tmp_path, clock)
    run(tmp_path, commands("rm -f doorward.db"))
    clock.advance(61)
    async with opened(tmp_path, clock, revoke_before=clock.now) as harness:
        again = await harness.refresh(client, refresh)

    assert again.response.status_code == 400
