"""Token stores that are damaged, incomplete or writable by others."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorward.client import FileStore, KeyringStore, PassphraseStore, TokenStore
from doorward.client.storage.store import Store
from doorward.errors import ConfigurationError
from tests.client.fake_issuer import SERVER
from tests.client.test_token_store import PASSPHRASE, TOKENS, FakeKeyring
from tests.ledger import proves


def refusal_of(use: Callable[[], object]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as refusal:
        use()
    return refusal.value


def folder_with(mode: int, path: Path) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


@proves("S232", "accepts", "token store folder")
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o711, 0o1700, 0o2755])
def test_a_folder_that_only_its_owner_can_write_is_used(tmp_path: Path, mode: int) -> None:
    token_store = TokenStore(FileStore(folder_with(mode, tmp_path / "home")))

    token_store.save_tokens(SERVER, TOKENS)

    assert token_store.tokens_for(SERVER) == TOKENS


@proves("S232", "refuses", "token store folder")
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o775, 0o720, 0o702, 0o3777])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    home = folder_with(mode, tmp_path / "home")

    refusal = refusal_of(lambda: FileStore(home))

    assert refusal.reason == "exposed-store"
    assert f"{mode:04o}" in refusal.problem
    assert refusal.hint.endswith(f"chmod 700 {home}")
    assert list(home.iterdir()) == []


@proves("S232", "refuses", "token store folder")
@pytest.mark.parametrize("kind", [KeyringStore, PassphraseStore])
def test_an_encrypted_store_needs_a_private_folder(tmp_path: Path, kind: Any) -> None:
    home = folder_with(0o777, tmp_path / "home")
    backend = FakeKeyring()

    refusal = refusal_of(lambda: kind(home, backend if kind is KeyringStore else PASSPHRASE))

    assert refusal.reason == "exposed-store"
    assert backend.entries == {}


@proves("S232", "refuses", "token store folder")
def test_a_folder_that_becomes_writable_for_others_is_refused(tmp_path: Path) -> None:
    home = folder_with(0o700, tmp_path / "home")
    store = FileStore(home)
    store.put("a", {"b": 1})
    before = store.path.read_bytes()
    home.chmod(0o777)

    for use in (lambda: store.get("a"), lambda: store.put("a", {}), lambda: store.delete("a")):
        assert refusal_of(use).reason == "exposed-store"
    assert store.path.read_bytes() == before


@proves("S232", "refuses", "token store folder")
def test_a_folder_owned_by_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder_with(0o755, tmp_path / "home")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)

    assert refusal_of(lambda: FileStore(home)).reason == "exposed-store"


@proves("S232", "refuses", "token store folder")
@pytest.mark.parametrize("mode", [0o777, 0o757, 0o2777])
def test_a_folder_below_a_folder_that_others_can_write_is_refused(
    tmp_path: Path, mode: int
) -> None:
    shared = folder_with(mode, tmp_path / "shared")

    for home in (shared / "home", shared / "one" / "two"):
        refusal = refusal_of(lambda home=home: FileStore(home))  # type: ignore[misc]
        assert refusal.reason == "exposed-store"
        assert str(shared) in refusal.problem


@proves("S232", "accepts", "token store folder")
def test_a_folder_below_a_shared_folder_with_the_sticky_bit_is_used(tmp_path: Path) -> None:
    shared = folder_with(0o1777, tmp_path / "shared")

    FileStore(shared / "home").put("a", {"b": 1})

    assert stat.S_IMODE((shared / "home").stat().st_mode) == 0o700


@proves("S232", "accepts", "token store folder")
def test_every_created_folder_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FileStore(tmp_path / "one" / "two" / "home").put("a", {"b": 1})
    finally:
        os.umask(before)

    for made in ("one", "one/two", "one/two/home"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o700


@proves("S232", "accepts", "token store folder")
def test_a_symlink_of_the_user_to_a_private_folder_is_followed(tmp_path: Path) -> None:
    home = folder_with(0o700, tmp_path / "home")
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "relative").symlink_to("link")

    FileStore(tmp_path / "relative").put("a", {"b": 1})

    assert (home / "tokens.json").exists()


@proves("S232", "refuses", "token store folder")
def test_a_symlink_in_or_to_an_exposed_folder_is_refused(tmp_path: Path) -> None:
    shared = folder_with(0o777, tmp_path / "shared")
    private = folder_with(0o700, tmp_path / "private")
    (private / "to-shared").symlink_to(shared)
    (shared / "to-private").symlink_to(private)
    (private / "through").symlink_to(shared / "to-private")
    (private / "round").symlink_to(private / "round")

    for name in ("to-shared", "through"):
        assert refusal_of(lambda name=name: FileStore(private / name)).reason == "exposed-store"  # type: ignore[misc]
    assert refusal_of(lambda: FileStore(shared / "to-private")).reason == "exposed-store"
    assert refusal_of(lambda: FileStore(shared / ".." / "shared" / "..")).reason == "exposed-store"
    assert refusal_of(lambda: FileStore(private / "round")).reason == "unwritable-store"


@proves("S232", "refuses", "token store folder")
def test_a_symlink_of_another_account_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder_with(0o700, tmp_path / "home")
    link = tmp_path / "link"
    link.symlink_to(home)
    real = os.lstat

    def planted(path: Any, **options: Any) -> os.stat_result:
        found = real(path, **options)
        return os.stat_result((*found[:4], 4711, *found[5:])) if Path(path) == link else found

    monkeypatch.setattr(os, "lstat", planted)

    assert refusal_of(lambda: FileStore(link)).reason == "exposed-store"


DYING = """
import os, signal, sys
from pathlib import Path
from doorward.client.storage.file_store import FileStore
def dies(_):
    print("writing", flush=True)
    sys.stdin.readline()
os.fsync = dies
FileStore(Path(sys.argv[1])).put("two", {"b": 2})
"""


@proves("S232", "refuses", "token store folder")
@proves("S232", "accepts", "token store folder")
def test_temporary_files_of_a_killed_process_are_removed_at_the_next_start(tmp_path: Path) -> None:
    FileStore(tmp_path).put("one", {"a": 1})
    strangers = [".tokens-", ".tokens-short", ".tokens-abcdefgh.bak", "x.tokens-abcdefgh", "mine"]
    for name in strangers:
        (tmp_path / name).write_text("kept")
    (tmp_path / ".tokens-abcdefg1").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        (left,) = (path for path in tmp_path.glob(".tokens-????????") if path.is_file())

        FileStore(tmp_path)
        assert left.exists(), "the writer is alive"
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == -9
    assert left.exists()

    assert FileStore(tmp_path).keys() == ("one",)
    assert not left.exists()
    assert all((tmp_path / name).exists() for name in strangers)
    assert (tmp_path / ".tokens-abcdefg1").is_dir()


def test_a_symlink_named_like_a_temporary_file_does_not_remove_its_target(
    tmp_path: Path,
) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".tokens-abcdefgh").symlink_to(tmp_path / "precious")

    FileStore(tmp_path)

    assert (tmp_path / "precious").read_text() == "kept"


def test_reading_creates_no_lock_file(tmp_path: Path) -> None:
    assert FileStore(tmp_path).keys() == ()
    assert list(tmp_path.iterdir()) == []


def written(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


DAMAGED = {
    "deep-lists": b"[" * 100_000,
    "deep-objects": b'{"a":' * 100_000,
    "closed-deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a-record-too-deep": b'{"k":{"a":' + b"[" * 500 + b"]" * 500 + b"}}",
    "twice": b'{"k": {"a": 1}, "k": {"a": 2}}',
    "no-number": b'{"k": {"a": NaN}}',
    "huge-number": b'{"k": {"a": ' + b"9" * 5000 + b"}}",
    "not-utf-8": b'{"k": {"a": "\xff"}}',
    "utf-16": '{"k": {}}'.encode("utf-16"),
    "byte-order-mark": b'\xef\xbb\xbf{"k": {}}',
    "nul": b"\x00" * 4096,
    "no-record": b'{"k": {"a": 1}, "newer": [1, 2]}',
    "text-record": b'{"k": "x"}',
}


@proves("S232", "refuses", "token store folder")
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_an_error_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    store = FileStore(tmp_path)
    written(store.path, content)

    uses: tuple[Callable[[], object], ...] = (
        lambda: store.get("k"),
        store.keys,
        lambda: store.put("k", {"b": 2}),
        lambda: store.delete("k"),
        lambda: TokenStore(store).save_tokens(SERVER, TOKENS),
    )
    for use in uses:
        refusal = refusal_of(use)
        assert refusal.reason == "unreadable-store"
        assert refusal.hint.startswith("Nothing was changed.")
        assert f"mv {store.path}" in refusal.hint
    assert store.path.read_bytes() == content


@proves("S232", "refuses", "token store folder")
@pytest.mark.parametrize("kind", ["plain", "keyring", "passphrase"])
def test_a_truncated_file_is_an_error_and_not_overwritten(tmp_path: Path, kind: str) -> None:
    backend = FakeKeyring()
    kinds: dict[str, Callable[[], FileStore]] = {
        "plain": lambda: FileStore(tmp_path),
        "keyring": lambda: KeyringStore(tmp_path, backend),
        "passphrase": lambda: PassphraseStore(tmp_path, PASSPHRASE),
    }
    TokenStore(kinds[kind]()).save_tokens(SERVER, TOKENS)
    path = kinds[kind]().path
    whole = path.read_bytes()
    # Every boundary of the sealed forms: header, salt of 16, nonce of 12, tag of 16.
    cuts = {0, 1, 17, 18, 19, 25, 26, 29, 30, 31, 34, 35, 45, 46, 47, 61, 62, 63, len(whole) - 1}

    for cut in sorted(cuts):
        written(path, whole[:cut])
        assert refusal_of(lambda: kinds[kind]().get("k")).reason in (
            "unreadable-store",
            "wrong-passphrase",
        )
        refusal_of(lambda: kinds[kind]().put("k", {"b": 2}))
        assert path.read_bytes() == whole[:cut]


@proves("S232", "refuses", "token store folder")
def test_an_encrypted_file_without_valid_records_is_an_error(tmp_path: Path) -> None:
    store = KeyringStore(tmp_path, FakeKeyring())
    nested: Any = 1
    for _ in range(500):
        nested = [nested]
    several: tuple[Any, ...] = (nested, {"k": nested}, [], {"k": 1})
    for records in several:
        written(store.path, store._encrypt(json.dumps(records).encode()))

        assert refusal_of(lambda: store.get("k")).reason == "unreadable-store"


def test_a_fifo_or_folder_in_place_of_the_file_is_an_error_without_blocking(
    tmp_path: Path,
) -> None:
    store = FileStore(tmp_path)
    os.mkfifo(store.path, 0o600)
    assert refusal_of(store.keys).reason == "unreadable-store"

    store.path.unlink()
    store.path.mkdir(mode=0o700)
    assert refusal_of(store.keys).reason == "unreadable-store"


def test_an_oversized_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.client.storage.file_store._LARGEST", 1000)
    store = FileStore(tmp_path)
    written(store.path, b'{"k": {"a": "' + b"x" * 1000 + b'"}}')

    assert refusal_of(store.keys).reason == "unreadable-store"


@pytest.mark.parametrize(
    "record", [{"a": float("nan")}, {"a": float("inf")}, {"a": {1, 2}}, {"a": "\ud800"}]
)
def test_a_record_that_json_cannot_represent_is_not_written(tmp_path: Path, record: Any) -> None:
    store = FileStore(tmp_path)
    store.put("k", {"b": 2})

    with pytest.raises((TypeError, ValueError)):
        store.put("x", record)

    assert store.get("k") == {"b": 2}


def test_a_folder_in_place_of_the_lock_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tokens.lock").mkdir()

    refusal = refusal_of(lambda: FileStore(tmp_path).put("a", {}))

    assert refusal.reason == "unwritable-store"


def test_a_symlink_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tokens.lock").symlink_to(tmp_path / "elsewhere")

    refusal = refusal_of(lambda: FileStore(tmp_path).put("a", {}))

    assert refusal.reason == "unwritable-store"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"refresh_token": 7},
        {"refresh_token": ["x"]},
        {"expires_at": "tomorrow"},
        {"expires_at": True},
        {"proof_key": 7},
        {"client_id": None},
        {"issuer": 7},
        {"scopes": ["a"]},
        {"access_token": None},
    ],
)
def test_a_token_record_with_a_member_of_the_wrong_type_is_ignored(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    store: Store = FileStore(tmp_path)
    token_store = TokenStore(store)
    token_store.save_tokens(SERVER, TOKENS)
    names = store.keys()
    (key,) = (name for name in names if name.startswith("tokens "))
    store.put(key, {**(store.get(key) or {}), **change})

    assert token_store.tokens_for(SERVER) is None


def test_the_unencrypted_file_is_readable_json(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("k", {"a": "é"})

    assert json.loads(store.path.read_text()) == {"k": {"a": "é"}}
