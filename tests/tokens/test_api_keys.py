"""API keys: how they are written, what is kept, and who gets in with one."""

import dataclasses
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import ConfigurationError, MalformedToken, TokenRejected
from doorward.tokens import ApiKey, ApiKeyFile, ApiKeyList, CredentialVerifier, new_api_key
from doorward.tokens.api_key import read_api_key
from doorward.tokens.api_key_file import read_keys, write_keys
from doorward.tokens.api_keys import ISSUER, KeyDesk
from doorward.tokens.refusals import (
    ApiKeyExpired,
    ApiKeyRevoked,
    ApiKeysUnavailable,
    UnknownApiKey,
)
from doorward.wire.address import split

NOW = 1_800_000_000.0
KEY, KEPT = new_api_key(
    name="nightly",
    now=NOW,
    lifetime=3600,
    scopes=frozenset({"mcp:read"}),
    roles=frozenset({"ops"}),
)
OTHER, OTHER_KEPT = new_api_key(name="other", now=NOW, lifetime=3600)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def desk(*keys: ApiKey, now: float = NOW) -> KeyDesk:
    return KeyDesk(ApiKeyList(keys), clock=lambda: now)


def test_a_good_key_is_a_caller_of_its_own_kind() -> None:
    caller = desk(KEPT, OTHER_KEPT).verify(KEY)

    assert caller.key == (ISSUER, KEPT.id)
    assert (caller.kind, caller.client_id, caller.name) == ("key", None, "nightly")
    assert caller.scopes == {"mcp:read"}
    assert caller.roles == {"ops"}
    assert caller.expires_at == NOW + 3600


def test_no_authorization_server_can_have_the_name_that_keys_are_issued_under() -> None:
    assert split(ISSUER) is None


def test_a_key_says_what_it_is_and_travels_as_a_bearer_token() -> None:
    assert KEY.startswith("dw_")
    assert len(KEY) == 66
    assert KEY.replace("_", "").isalnum()


def test_its_secret_is_nowhere_in_what_is_kept_or_shown() -> None:
    secret = KEY.split("_")[2]

    assert secret not in str(dataclasses.asdict(KEPT))
    assert secret not in repr(KEPT)
    assert KEPT.secret_sha256 not in repr(KEPT)
    assert secret not in repr(read_api_key(KEY))


def flipped(text: str, place: int) -> str:
    return text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(flipped(KEY, 5), id="id-mistyped"),
        pytest.param(flipped(KEY, 30), id="secret-mistyped"),
        pytest.param(flipped(KEY, 64), id="checksum-mistyped"),
        pytest.param(KEY[:-1], id="cut"),
        pytest.param(KEY + "0", id="longer"),
        pytest.param(KEY + "_", id="five-parts"),
        pytest.param("dw_", id="prefix-alone"),
        pytest.param(KEY.replace("dw_", "DW_"), id="another-prefix"),
        pytest.param(KEY.replace("dw_", "dw_ä"), id="not-ascii"),
        pytest.param("dw_" + "٣" * 12 + KEY[15:], id="digits-of-another-script"),
        pytest.param("", id="empty"),
    ],
)
def test_a_key_that_was_cut_or_mistyped_is_malformed(key: str) -> None:
    with pytest.raises(MalformedToken):
        desk(KEPT).verify(key)


def forged(key_id: str, secret: str) -> str:
    from doorward.tokens.api_key import _checksum

    body = f"dw_{key_id}_{secret}"
    return f"{body}_{_checksum(body)}"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(OTHER, id="no-such-key"),
        pytest.param(forged(KEPT.id, OTHER.split("_")[2]), id="the-secret-of-another-key"),
        pytest.param(forged(KEPT.id, "0" * 43), id="another-secret"),
        pytest.param(forged("0" * 12, "0" * 43), id="the-id-that-is-compared-when-none-is-found"),
    ],
)
def test_an_unknown_id_and_a_wrong_secret_are_told_alike(key: str) -> None:
    with pytest.raises(UnknownApiKey) as refusal:
        desk(KEPT).verify(key)

    assert refusal.value.code == "api-key-unknown"
    assert refusal.value.public == "The API key is not known here."


def test_a_hash_that_was_stolen_is_no_key() -> None:
    with pytest.raises(TokenRejected):
        desk(KEPT).verify(forged(KEPT.id, KEPT.secret_sha256[:43]))


@pytest.mark.parametrize(("now", "admitted"), [(NOW + 3599, True), (NOW + 3600, False)])
def test_a_key_ends_when_it_says(now: float, admitted: bool) -> None:
    at_the_desk = desk(KEPT, now=now)
    if admitted:
        assert at_the_desk.verify(KEY).subject == KEPT.id
        return
    with pytest.raises(ApiKeyExpired) as refusal:
        at_the_desk.verify(KEY)
    assert refusal.value.code == "api-key-expired"


def test_only_the_holder_learns_that_a_key_was_revoked() -> None:
    revoked = dataclasses.replace(KEPT, revoked_at=NOW)

    with pytest.raises(ApiKeyRevoked):
        desk(revoked).verify(KEY)
    with pytest.raises(UnknownApiKey):
        desk(revoked).verify(forged(KEPT.id, "0" * 43))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "short"},
        {"id": "_" * 12},
        {"secret_sha256": "f" * 63},
        {"secret_sha256": "F" * 64},
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "x" * 101},
        {"scopes": frozenset({"two scopes"})},
        {"expires_at": NOW},
        {"expires_at": float("inf")},
        {"expires_at": float("nan")},
        {"created_at": float("nan")},
    ],
)
def test_what_can_be_no_key_is_not_kept_as_one(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        dataclasses.replace(KEPT, **changes)

    assert refusal.value.reason == "not-an-api-key"


# The verifier: what it remembers, and what it forgets at once.


async def test_a_known_key_is_recalled_until_it_ends() -> None:
    time = Time()
    verifier = CredentialVerifier(api_keys=ApiKeyList([KEPT]), clock=time, cache_ttl=1e6)

    assert verifier.recall(KEY.encode()) is None
    verified = await verifier.verify(KEY.encode())

    assert verifier.recall(KEY.encode()) == verified
    assert await verifier.verify(KEY.encode()) == verified
    time.now = NOW + 3600
    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyExpired):
        await verifier.verify(KEY.encode())


async def test_a_key_that_is_revoked_is_forgotten_with_the_list() -> None:
    keys = ApiKeyList([KEPT])
    verifier = CredentialVerifier(api_keys=keys, clock=Time())
    await verifier.verify(KEY.encode())

    keys.replace([dataclasses.replace(KEPT, revoked_at=NOW)])

    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyRevoked):
        await verifier.verify(KEY.encode())


async def test_zero_remembers_no_key() -> None:
    verifier = CredentialVerifier(api_keys=ApiKeyList([KEPT]), clock=Time(), cache_ttl=0)

    await verifier.verify(KEY.encode())

    assert verifier.recall(KEY.encode()) is None


async def test_a_key_is_refused_where_none_are_accepted_and_is_sent_nowhere() -> None:
    from tests.tokens.asked import Asked, opaque

    asked = Asked()
    verifier = CredentialVerifier([opaque()], fetcher=asked, clock=Time())

    with pytest.raises(MalformedToken):
        await verifier.verify(KEY.encode())

    assert asked.questions == []


# The file.


def test_a_file_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    revoked = dataclasses.replace(OTHER_KEPT, revoked_at=NOW + 1)

    write_keys(path, [KEPT, revoked])

    assert read_keys(path) == (KEPT, revoked)
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


async def test_a_running_server_takes_new_keys_and_refuses_revoked_ones_within_a_second(
    tmp_path: Path,
) -> None:
    path, time = tmp_path / "keys.json", Time()
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
async def test_while_the_file_cannot_be_read_no_key_is_good_and_nobody_is_sent_away(
    tmp_path: Path, damage: str
) -> None:
    path, time = tmp_path / "keys.json", Time()
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
def test_a_file_that_is_no_list_of_keys_stops_the_server_at_start(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError) as refusal:
        ApiKeyFile(path)

    assert refusal.value.reason == reason


@pytest.mark.parametrize("name", ["scopes", "roles"])
def test_one_word_where_a_list_belongs_is_not_taken_for_its_letters(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])
    _edited(path, name, "admin")

    with pytest.raises(ConfigurationError):
        read_keys(path)


async def test_a_clock_that_is_set_back_does_not_keep_a_revoked_key_alive(tmp_path: Path) -> None:
    path, time = tmp_path / "keys.json", Time()
    write_keys(path, [KEPT])
    verifier = CredentialVerifier(api_keys=ApiKeyFile(path, clock=time), clock=time)
    await verifier.verify(KEY.encode())

    write_keys(path, [dataclasses.replace(KEPT, revoked_at=NOW)])
    time.now -= 3600

    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyRevoked):
        await verifier.verify(KEY.encode())


def test_a_file_behind_a_link_is_written_where_it_is(tmp_path: Path) -> None:
    path, link = tmp_path / "mounted.json", tmp_path / "keys.json"
    write_keys(path, [KEPT])
    link.symlink_to(path)

    write_keys(link, [dataclasses.replace(KEPT, revoked_at=NOW)])

    assert link.is_symlink()
    assert read_keys(path)[0].revoked_at == NOW


def test_a_file_that_root_writes_stays_its_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])
    owner, given = path.stat(), []
    monkeypatch.setattr(os, "fchown", lambda _file, *whom: given.append(whom))

    write_keys(path, [KEPT, OTHER_KEPT])

    assert given == [(owner.st_uid, owner.st_gid)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keys_of_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT, dataclasses.replace(OTHER_KEPT, id=KEPT.id)])

    with pytest.raises(ConfigurationError):
        read_keys(path)


def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path) -> None:
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


def test_a_file_that_cannot_be_written_keeps_what_it_had(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        write_keys(tmp_path / "no" / "keys.json", [KEPT])

    assert refusal.value.reason == "unwritable-api-keys"


def test_a_file_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [KEPT])

    assert KEY.split("_")[2] not in path.read_text()
    assert json.loads(path.read_text())["keys"][0]["id"] == KEPT.id
