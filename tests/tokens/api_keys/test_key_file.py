"""The file of API keys: atomic writes, and reads while it changes."""

import dataclasses
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.tokens import ApiKeyFile, CredentialVerifier
from doorward.tokens.api_keys.key_file import read_keys, write_keys
from doorward.tokens.refusals import ApiKeyRevoked, ApiKeysUnavailable
from tests.tokens.api_keys.api_keys import KEPT, KEY, OTHER, OTHER_KEPT
from tests.tokens.clock import FakeClock
from tests.tokens.signer import NOW


def test_written_keys_are_read_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    revoked = dataclasses.replace(OTHER_KEPT, revoked_at=NOW + 1)

    write_keys(path, [KEPT, revoked])

    assert read_keys(path) == (KEPT, revoked)
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


async def test_a_running_server_accepts_new_keys_and_refuses_revoked_ones_within_a_second(
    tmp_path: Path,
) -> None:
    path, time = tmp_path / "keys.json", FakeClock()
    write_keys(path, [KEPT])
    verifier = CredentialVerifier(api_keys=ApiKeyFile(path, clock=time), clock=time)
    await verifier.verify(KEY.encode())

    write_keys(path, [dataclasses.replace(KEPT, revoked_at=NOW), OTHER_KEPT])
    before = verifier.recall(KEY.encode())
    time.now += 1

    assert before is not None
    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyRevoked):
        await verifier.verify(KEY.encode())
    assert (await verifier.verify(OTHER.encode())).name == "other"


def _edited(path: Path, name: str, value: Any) -> None:
    document = json.loads(path.read_text())
    document["keys"][0][name] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "damage",
    ["gone", "garbage", "open to others", "a day in words", "a day too far", "a hash in pieces"],
)
async def test_an_unreadable_key_file_is_503_until_it_can_be_read_again(
    tmp_path: Path, damage: str
) -> None:
    path, time = tmp_path / "keys.json", FakeClock()
    write_keys(path, [KEPT])
    verifier = CredentialVerifier(api_keys=ApiKeyFile(path, clock=time), clock=time)
    await verifier.verify(KEY.encode())

    if damage == "gone":
        path.unlink()
    elif damage == "garbage":
        path.write_text("{")
    elif damage == "a day in words":
        _edited(path, "expires_at", "2030-01-01")
    elif damage == "a day too far":
        _edited(path, "expires_at", 10**400)
    elif damage == "a hash in pieces":
        _edited(path, "secret_sha256", list(KEPT.secret_sha256))
    else:
        path.write_bytes(path.read_bytes() + b" ")
        path.chmod(0o644)
    time.now += 1

    # The second time within the same second too: then the file is not looked at again.
    for _ in range(2):
        with pytest.raises(ApiKeysUnavailable) as refusal:
            await verifier.verify(KEY.encode())
        assert refusal.value.status == 503
    path.unlink(missing_ok=True)
    write_keys(path, [KEPT])
    time.now += 1
    assert (await verifier.verify(KEY.encode())).subject == KEPT.id


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "unreadable-api-keys"),
        ("[]", "unreadable-api-keys"),
        ('{"version": 2, "keys": []}', "unreadable-api-keys"),
        ('{"version": 1, "keys": {}}', "unreadable-api-keys"),
        ('{"version": 1, "keys": [{}]}', "unreadable-api-keys"),
        ('{"version": 1, "keys": [1]}', "unreadable-api-keys"),
        ('{"version": 1, "keys": [], "keys": []}', "unreadable-api-keys"),
    ],
)
def test_a_file_that_is_not_a_key_list_is_refused_at_start_up(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError) as refusal:
        ApiKeyFile(path)

    assert refusal.value.reason == reason


@pytest.mark.parametrize("name", ["scopes", "roles"])
def test_a_string_in_place_of_a_list_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])
    _edited(path, name, "admin")

    with pytest.raises(ConfigurationError):
        read_keys(path)


async def test_a_revoked_key_is_refused_after_the_clock_is_set_back(tmp_path: Path) -> None:
    path, time = tmp_path / "keys.json", FakeClock()
    write_keys(path, [KEPT])
    verifier = CredentialVerifier(api_keys=ApiKeyFile(path, clock=time), clock=time)
    await verifier.verify(KEY.encode())

    write_keys(path, [dataclasses.replace(KEPT, revoked_at=NOW)])
    time.now -= 3600

    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyRevoked):
        await verifier.verify(KEY.encode())


def test_a_file_behind_a_symbolic_link_is_written_at_its_target(tmp_path: Path) -> None:
    path, link = tmp_path / "mounted.json", tmp_path / "keys.json"
    write_keys(path, [KEPT])
    link.symlink_to(path)

    write_keys(link, [dataclasses.replace(KEPT, revoked_at=NOW)])

    assert link.is_symlink()
    assert read_keys(path)[0].revoked_at == NOW


def test_a_rewritten_file_keeps_its_owner_and_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])
    owner, given = path.stat(), []
    monkeypatch.setattr(os, "fchown", lambda _file, *whom: given.append(whom))

    write_keys(path, [KEPT, OTHER_KEPT])

    assert given == [(owner.st_uid, owner.st_gid)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keys_with_the_same_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT, dataclasses.replace(OTHER_KEPT, id=KEPT.id)])

    with pytest.raises(ConfigurationError):
        read_keys(path)


def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])
    for mode in (0o640, 0o606, 0o620):
        path.chmod(mode)
        with pytest.raises(ConfigurationError) as refusal:
            ApiKeyFile(path)
        assert refusal.value.reason == "exposed-api-keys"
        assert "chmod 600" in refusal.value.hint
    path.chmod(0o600)
    assert ApiKeyFile(path).find(KEPT.id) == KEPT


def test_an_unwritable_key_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        write_keys(tmp_path / "no" / "keys.json", [KEPT])

    assert refusal.value.reason == "unwritable-api-keys"


def test_a_key_file_contains_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])

    assert KEY.split("_")[2] not in path.read_text()
    assert json.loads(path.read_text())["keys"][0]["id"] == KEPT.id
