"""The token store: private to the user, atomic, and locked."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.client import FileStore, KeyringStore, PassphraseStore, Tokens, TokenStore, open_store
from doorward.client.oauth.registration import Registration
from doorward.client.refusals import Unreachable
from doorward.client.storage import passphrase_store
from doorward.client.storage.keyring_store import unseal
from doorward.client.storage.lock import async_lock
from doorward.client.storage.open_store import config_directory
from doorward.client.storage.passphrase_store import MEMORY_KIB
from doorward.errors import ConfigurationError
from tests.client.conftest import Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.ledger import proves

TOKENS = Tokens(
    issuer=ISSUER,
    resource=SERVER,
    client_id="client",
    access_token="access",
    refresh_token="refresh",
    expires_at=1.0,
    scopes=frozenset({"a", "b"}),
)


class FakeKeyring:
    """A keyring as the operating systems have them: text by service and name."""

    name = "fake"
    priority = 5

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        self.entries[service, name] = text

    def delete_password(self, service: str, name: str) -> None:
        del self.entries[service, name]


@pytest.fixture(params=["file", "sealed"])
def any_wallet(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    if request.param == "file":
        return TokenStore(FileStore(tmp_path))
    return TokenStore(KeyringStore(tmp_path, FakeKeyring()))


def test_saved_tokens_are_returned_until_they_are_deleted(any_wallet: TokenStore) -> None:
    any_wallet.save_tokens(SERVER, TOKENS)

    assert any_wallet.tokens_for(SERVER) == TOKENS
    assert any_wallet.servers() == (SERVER,)
    assert any_wallet.delete_tokens(SERVER) == TOKENS
    assert any_wallet.tokens_for(SERVER) is None
    assert any_wallet.servers() == ()


@proves("S171", "refuses", "credentials stay with their issuer")
def test_a_registration_is_found_only_under_its_own_issuer(any_wallet: TokenStore) -> None:
    mine = Registration(issuer=ISSUER, client_id="c", client_secret="s", kind="registered")
    any_wallet.save_registration(mine)

    assert any_wallet.registration_for(ISSUER) == mine
    assert any_wallet.registration_for(ISSUER + "/") is None
    assert Registration.from_record(mine.to_record(), "https://evil.example") is None


@proves("S178", "accepts", "token store is private")
def test_the_file_is_created_with_owner_only_permissions(tmp_path: Path) -> None:
    before = os.umask(0)
    folder = tmp_path / "new" / "doorward"

    try:
        TokenStore(FileStore(folder)).save_tokens(SERVER, TOKENS)
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "tokens.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@proves("S178", "refuses", "token store is private")
def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token_store = TokenStore(FileStore(tmp_path))
    token_store.save_tokens(SERVER, TOKENS)
    (tmp_path / "tokens.json").chmod(0o644)

    with pytest.raises(ConfigurationError) as refusal:
        token_store.tokens_for(SERVER)

    assert refusal.value.reason == "exposed-store"
    assert "chmod 600" in refusal.value.hint


@proves("S178", "refuses", "token store is private")
def test_a_symlink_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / "tokens.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError) as refusal:
        TokenStore(FileStore(tmp_path)).tokens_for(SERVER)

    assert refusal.value.reason == "unreadable-store"


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_file_that_is_not_a_json_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    (tmp_path / "tokens.json").chmod(0o600)

    with pytest.raises(ConfigurationError) as refusal:
        TokenStore(FileStore(tmp_path)).tokens_for(SERVER)

    assert refusal.value.reason == "unreadable-store"


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"resource": "https://evil.example"},
        {"access_token": "a\r\nb"},
        {"scopes": 7},
        {"unknown": 1},
    ],
)
def test_a_token_record_that_was_tampered_with_is_ignored(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    store = FileStore(tmp_path)
    TokenStore(store).save_tokens(SERVER, TOKENS)
    key = f"tokens {ISSUER} {SERVER}"
    store.put(key, {**(store.get(key) or {}), **change})

    assert TokenStore(store).tokens_for(SERVER) is None


@proves("S178", "refuses", "token store is private")
def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.put("one", {"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put("two", {"b": 2})

    assert FileStore(tmp_path).keys() == ("one",)
    assert list(tmp_path.glob(".tokens-*")) == []


WRITER = """
import sys
from pathlib import Path
from doorward.client.storage.file_store import FileStore
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    FileStore(Path(sys.argv[1])).put(f"{sys.argv[2]}-{number}", {"n": number})
"""


@pytest.mark.e2e
@proves("S178", "accepts", "token store is private")
def test_concurrent_writes_of_two_processes_are_all_kept(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("left", "right")
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)

    assert [process.returncode for process in running] == [0, 0]
    assert len(FileStore(tmp_path).keys()) == 80


@proves("S178", "accepts", "token store is private")
async def test_concurrent_refreshes_use_a_refresh_token_once(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        tokens = await connection.log_in()
        assert tokens is not None
        fresh = await asyncio.gather(
            *(connection.sign_in.refresh(SERVER, tokens) for _ in range(5))
        )

    assert len({each.access_token for each in fresh}) == 1
    assert [form["grant_type"] for form in fake_issuer.forms(f"{ISSUER}/token")] == [
        "authorization_code",
        "refresh_token",
    ]


@proves("S178", "refuses", "token store is private")
async def test_waiting_for_a_held_lock_times_out(tmp_path: Path) -> None:
    async with async_lock(tmp_path / "lock"):
        with pytest.raises(Unreachable) as refusal:
            async with async_lock(tmp_path / "lock", max_wait=0.01):
                pass

    assert refusal.value.reason == "locked"
    async with async_lock(tmp_path / "lock", max_wait=0.01):
        pass


def test_the_store_folder_can_be_set_by_environment_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path / "chosen"))
    assert config_directory() == tmp_path / "chosen"
    assert isinstance(open_store(), FileStore)

    monkeypatch.delenv("DOORWARD_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if sys.platform == "linux":
        assert config_directory() == tmp_path / "config" / "doorward"


def test_without_a_usable_keyring_the_store_is_a_plain_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import keyring
    from keyring.backends import fail, null

    monkeypatch.delenv("DOORWARD_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    backends: list[Any] = [fail.Keyring(), null.Keyring(), FakeKeyring()]  # type: ignore[no-untyped-call]
    for backend in backends:
        monkeypatch.setattr(keyring, "get_keyring", lambda found=backend: found)
        assert isinstance(open_store(), FileStore)


def test_the_location_describes_how_the_file_is_protected(tmp_path: Path) -> None:
    plain = FileStore(tmp_path)
    with_keyring = KeyringStore(tmp_path, FakeKeyring())
    with_passphrase = PassphraseStore(tmp_path, "a long passphrase")

    assert TokenStore(plain).location == (
        f"{tmp_path}/tokens.json, a plain file that only you can read (mode 0600)"
    )
    assert with_keyring.location == (
        f"{tmp_path}/tokens.sealed, encrypted with a key in the keyring (fake)"
    )
    assert with_passphrase.location == (
        f"{tmp_path}/tokens.encrypted, encrypted with your passphrase"
    )


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError) as refusal:
        FileStore(tmp_path / "file" / "folder")

    assert refusal.value.reason == "unwritable-store"
    assert "DOORWARD_HOME" in refusal.value.hint


@proves("S178", "accepts", "token store is private")
def test_a_file_encrypted_with_the_keyring_key_contains_no_plain_text(tmp_path: Path) -> None:
    backend = FakeKeyring()
    TokenStore(KeyringStore(tmp_path, backend)).save_tokens(SERVER, TOKENS)

    (sealed,) = tmp_path.glob("*.sealed")
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    assert not any(word in sealed.read_bytes() for word in (b"access", b"refresh", b"mcp.example"))
    assert list(backend.entries) == [("doorward", "file-key")]
    assert TokenStore(KeyringStore(tmp_path, backend)).tokens_for(SERVER) == TOKENS


@proves("S178", "refuses", "token store is private")
@pytest.mark.parametrize("harm", ["another-key", "one-bit", "plain-text", "cut"])
def test_a_file_that_the_keyring_key_does_not_decrypt_is_refused(tmp_path: Path, harm: str) -> None:
    backend = FakeKeyring()
    store = KeyringStore(tmp_path, backend)
    TokenStore(store).save_tokens(SERVER, TOKENS)
    content = store.path.read_bytes()
    if harm == "another-key":
        backend.entries.clear()
    elif harm == "one-bit":
        store.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "plain-text":
        store.path.write_bytes(b"{}")
    else:
        store.path.write_bytes(content[:20])

    with pytest.raises(ConfigurationError) as refusal:
        KeyringStore(tmp_path, backend).keys()

    assert refusal.value.reason == "unreadable-store"


def test_encrypting_the_same_records_twice_gives_different_files(tmp_path: Path) -> None:
    store = KeyringStore(tmp_path, FakeKeyring())
    store.put("a", {"b": 1})
    first = store.path.read_bytes()
    store.put("a", {"b": 1})

    assert store.path.read_bytes() != first


@pytest.mark.parametrize("key", ["", "AAAA", "no base64"])
def test_an_invalid_keyring_key_is_refused(tmp_path: Path, key: str) -> None:
    backend = FakeKeyring()
    backend.set_password("doorward", "file-key", key)

    with pytest.raises(ConfigurationError) as refusal:
        KeyringStore(tmp_path, backend)

    assert refusal.value.reason == "unreadable-store"


def test_a_keyring_that_cannot_store_the_key_is_an_error(tmp_path: Path) -> None:
    from keyring.errors import PasswordSetError

    class Locked(FakeKeyring):
        def set_password(self, service: str, name: str, text: str) -> None:
            raise PasswordSetError("locked")

    with pytest.raises(ConfigurationError) as refusal:
        KeyringStore(tmp_path, Locked())

    assert refusal.value.reason == "unwritable-store"


def test_with_a_usable_keyring_the_file_is_encrypted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOORWARD_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("doorward.client.storage.open_store._usable_keyring", FakeKeyring)

    assert isinstance(open_store(), KeyringStore)


def test_an_empty_home_variable_does_not_disable_encryption(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOORWARD_HOME", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("doorward.client.storage.open_store._usable_keyring", FakeKeyring)

    assert isinstance(open_store(), KeyringStore)


PASSPHRASE = "correct horse battery"


@pytest.mark.e2e
def test_a_passphrase_encrypts_the_file_and_decrypts_it_again(tmp_path: Path) -> None:
    TokenStore(PassphraseStore(tmp_path, PASSPHRASE)).save_tokens(SERVER, TOKENS)

    file = tmp_path / "tokens.encrypted"
    assert not (tmp_path / "tokens.json").exists()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TOKENS.access_token.encode() not in file.read_bytes()
    assert TokenStore(PassphraseStore(tmp_path, PASSPHRASE)).tokens_for(SERVER) == TOKENS


def test_the_passphrase_key_is_derived_as_rfc_9106_recommends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passphrase_store, "MEMORY_KIB", MEMORY_KIB)
    store = PassphraseStore(tmp_path, PASSPHRASE)
    store.put("k", {"x": 1})

    header, sealed = b"doorward tokens 2\n", store.path.read_bytes()[18:]
    key = hash_secret_raw(PASSPHRASE.encode(), sealed[:16], 3, 2**16, 4, 32, Type.ID)
    assert json.loads(unseal(AESGCM(key), sealed[16:], header)) == {"k": {"x": 1}}


def test_two_files_with_one_passphrase_have_different_salts(tmp_path: Path) -> None:
    salts = set()
    for name in ("a", "b"):
        store = PassphraseStore(tmp_path / name, PASSPHRASE)
        store.put("k", {"x": 1})
        store.put("k", {"x": 2})
        salts.add(store.path.read_bytes()[18:34])

    assert len(salts) == 2


@pytest.mark.parametrize("harm", ["passphrase", "content", "salt"])
def test_a_file_that_the_passphrase_does_not_decrypt_is_refused_and_kept(
    tmp_path: Path, harm: str
) -> None:
    store = PassphraseStore(tmp_path, PASSPHRASE)
    store.put("k", {"x": 1})
    if harm != "passphrase":
        content = bytearray(store.path.read_bytes())
        content[-1 if harm == "content" else 20] ^= 1
        store.path.write_bytes(content)
    before = store.path.read_bytes()

    again = PassphraseStore(tmp_path, "another " * 2 if harm == "passphrase" else PASSPHRASE)
    with pytest.raises(ConfigurationError) as refusal:
        again.get("k")
    with pytest.raises(ConfigurationError):
        again.put("k", {})
    assert refusal.value.reason == "wrong-passphrase"
    assert PASSPHRASE not in str(refusal.value)
    assert store.path.read_bytes() == before


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        PassphraseStore(tmp_path, "hunter2")

    assert refusal.value.reason == "short-passphrase"
    assert "hunter2" not in str(refusal.value)


def test_the_passphrase_variable_selects_the_passphrase_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path))
    monkeypatch.setenv("DOORWARD_PASSPHRASE", PASSPHRASE)

    assert isinstance(open_store(), PassphraseStore)


@proves("S228", "refuses", "hostile bytes end nothing")
def test_without_a_home_directory_the_error_names_doorward_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("DOORWARD_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)

    with pytest.raises(ConfigurationError) as refusal:
        open_store()

    assert refusal.value.reason == "unwritable-store"
    assert "DOORWARD_HOME" in refusal.value.hint


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("backend", ["os.nothing", "no_such_module.Keyring", "builtins.int"])
def test_a_keyring_that_cannot_be_loaded_is_an_error(
    backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import keyring.core

    monkeypatch.delenv("DOORWARD_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)

    with pytest.raises(ConfigurationError) as refusal:
        open_store()

    assert refusal.value.reason == "unusable-keyring"


@proves("S228", "refuses", "hostile bytes end nothing")
def test_a_locked_keyring_is_an_error(tmp_path: Path) -> None:
    from keyring.errors import KeyringLocked

    class Locked(FakeKeyring):
        def get_password(self, service: str, name: str) -> str | None:
            raise KeyringLocked("\x1b[2J")

    with pytest.raises(ConfigurationError) as refusal:
        KeyringStore(tmp_path, Locked())

    assert refusal.value.reason == "unusable-keyring"
    assert "\x1b" not in str(refusal.value)


@proves("S228", "refuses", "hostile bytes end nothing")
def test_a_write_beyond_the_size_limit_is_refused_and_keeps_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.put("one", {"a": "b"})
    monkeypatch.setattr("doorward.client.storage.file_store._LARGEST", 1000)

    with pytest.raises(ConfigurationError) as refusal:
        store.put("two", {"a": "b" * 1000})

    assert refusal.value.reason == "unwritable-store"
    assert store.keys() == ("one",)
