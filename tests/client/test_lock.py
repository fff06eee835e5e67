"""A lock that another process holds does not block the event loop."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doorward.client import KeyringStore, TokenStore
from doorward.client.refusals import Unreachable
from doorward.client.storage import lock
from doorward.client.storage.lock import async_lock
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.client.test_token_store import FakeKeyring
from tests.ledger import proves

HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[Callable[[], object]]:
    """Have a second process hold the lock at ``path``; yield what makes it let go."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"

            yield lambda: process.communicate(b"\n", timeout=30)
        finally:
            process.kill()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What is set when a lock was asked for that another process holds."""
    event = threading.Event()
    real = lock._try_lock

    def watched(descriptor: int) -> bool:
        got = real(descriptor)
        if not got:
            event.set()
        return got

    monkeypatch.setattr(lock, "_try_lock", watched)
    return event


async def goes_on_meanwhile(
    work: Awaitable[object], refused: threading.Event, let_go: Callable[[], object]
) -> None:
    """Run ``work``, which needs the lock, and let go of it only because the loop turned."""
    task = asyncio.ensure_future(work)
    while not refused.is_set():
        assert not task.done()
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    await asyncio.to_thread(let_go)
    await task


@proves("S232", "accepts", "token store folder")
async def test_a_sign_in_waits_for_another_writer_without_blocking_the_loop(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path, refused: threading.Event
) -> None:
    with held_by_another_process(tmp_path / "doorward" / "tokens.lock") as let_go:
        async with open_client() as connection:
            await goes_on_meanwhile(connection.log_in(), refused, let_go)

            assert connection.token_store.tokens_for(SERVER) is not None
            assert connection.token_store.registration_for(ISSUER) is not None


@proves("S232", "accepts", "token store folder")
async def test_a_refresh_waits_for_another_writer_without_blocking_the_loop(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path, refused: threading.Event
) -> None:
    async with open_client() as connection:
        old = await connection.log_in()
        assert old is not None
        with held_by_another_process(tmp_path / "doorward" / "tokens.lock") as let_go:
            await goes_on_meanwhile(connection.sign_in.refresh(SERVER, old), refused, let_go)

        kept = connection.token_store.tokens_for(SERVER)
    assert kept is not None
    assert kept.access_token != old.access_token


@proves("S232", "accepts", "token store folder")
async def test_a_refresh_waits_for_another_refresh_without_blocking_the_loop(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path, refused: threading.Event
) -> None:
    async with open_client() as connection:
        old = await connection.log_in()
        assert old is not None
        (path,) = await locks_of(connection.token_store, tmp_path / "doorward")
        with held_by_another_process(path) as let_go:
            await goes_on_meanwhile(connection.sign_in.refresh(SERVER, old), refused, let_go)


async def locks_of(token_store: TokenStore, folder: Path) -> list[Path]:
    async with token_store.lock(ISSUER, SERVER):
        return [path for path in folder.glob("*.lock") if path.name != "tokens.lock"]


@proves("S232", "accepts", "token store folder")
async def test_replacing_an_unknown_client_does_not_block_the_loop(
    open_client: Open,
    fake_issuer: FakeIssuer,
    clock: Clock,
    tmp_path: Path,
    refused: threading.Event,
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.clients.clear()
        with held_by_another_process(tmp_path / "doorward" / "tokens.lock") as let_go:
            await goes_on_meanwhile(connection.log_in(), refused, let_go)

        assert len(fake_issuer.clients) == 1


@proves("S232", "refuses", "token store folder")
async def test_a_task_that_is_cancelled_while_waiting_leaves_the_lock_free(
    tmp_path: Path, refused: threading.Event
) -> None:
    path = tmp_path / "lock"

    async def wait() -> None:
        async with async_lock(path):
            raise AssertionError("the other process holds it")

    with held_by_another_process(path) as let_go:
        task = asyncio.ensure_future(wait())
        while not refused.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(let_go)

    async with async_lock(path, max_wait=0):
        pass


@proves("S232", "refuses", "token store folder")
async def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path / "lock"), pytest.raises(Unreachable) as refusal:
        async with async_lock(tmp_path / "lock", max_wait=0):
            pass

    assert refusal.value.reason == "locked"


@proves("S232", "accepts", "token store folder")
async def test_opening_an_encrypted_store_does_not_wait_for_the_key_lock(tmp_path: Path) -> None:
    backend = FakeKeyring()
    with held_by_another_process(tmp_path / "key.lock"):
        store = KeyringStore(tmp_path, backend)

        assert store.keys() == ()
        assert backend.entries == {}

    store.put("a", {"b": 1})
    assert KeyringStore(tmp_path, backend).get("a") == {"b": 1}
    assert len(backend.entries) == 1


async def test_an_encrypted_store_uses_a_key_that_another_process_created(
    tmp_path: Path,
) -> None:
    backend = FakeKeyring()
    with held_by_another_process(tmp_path / "key.lock"):
        store = KeyringStore(tmp_path, backend)
    KeyringStore(tmp_path, backend).put("a", {"b": 1})
    (key,) = backend.entries.values()

    assert store.get("a") == {"b": 1}
    store.put("c", {"d": 1})
    assert list(backend.entries.values()) == [key]


FORKING = """
import os, sys
from pathlib import Path
from doorward.client.storage.lock import blocking_lock, try_lock
path = Path(sys.argv[1])
with blocking_lock(path):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)
with try_lock(path) as held:
    print("free" if held else "held")
"""


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKING, str(tmp_path / "lock")]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "free\n"


async def test_a_file_system_without_locks_is_a_configuration_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    from doorward.errors import ConfigurationError

    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)

    with pytest.raises(ConfigurationError) as refusal:
        async with async_lock(tmp_path / "lock", max_wait=0):
            pass

    assert refusal.value.reason == "unwritable-store"
