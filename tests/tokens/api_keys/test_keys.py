"""API keys: their form, what is stored, and which ones are accepted."""

import dataclasses
from typing import Any

import pytest

from doorward.errors import ConfigurationError, MalformedToken, TokenRejected
from doorward.tokens.api_keys.key import read_api_key
from doorward.tokens.api_keys.verifier import ISSUER
from doorward.tokens.refusals import ApiKeyExpired, ApiKeyRevoked, UnknownApiKey
from doorward.wire.address import split
from tests.tokens.api_keys.api_keys import KEPT, KEY, OTHER, OTHER_KEPT, key_verifier
from tests.tokens.signer import NOW


def test_a_valid_key_gives_an_identity_of_kind_key() -> None:
    caller = key_verifier(KEPT, OTHER_KEPT).verify(KEY)

    assert caller.key == (ISSUER, KEPT.id)
    assert (caller.kind, caller.client_id, caller.name) == ("key", None, "nightly")
    assert caller.scopes == {"mcp:read"}
    assert caller.roles == {"ops"}
    assert caller.expires_at == NOW + 3600


def test_the_issuer_name_of_api_keys_is_not_a_url() -> None:
    assert split(ISSUER) is None


def test_a_key_has_a_prefix_a_fixed_length_and_alphanumeric_parts() -> None:
    assert KEY.startswith("dw_")
    assert len(KEY) == 66
    assert KEY.replace("_", "").isalnum()


def test_the_secret_of_a_key_is_neither_stored_nor_shown() -> None:
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
def test_a_truncated_or_mistyped_key_is_malformed(key: str) -> None:
    with pytest.raises(MalformedToken):
        key_verifier(KEPT).verify(key)


def forged(key_id: str, secret: str) -> str:
    from doorward.tokens.api_keys.key import _checksum

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
def test_an_unknown_id_and_a_wrong_secret_get_the_same_refusal(key: str) -> None:
    with pytest.raises(UnknownApiKey) as refusal:
        key_verifier(KEPT).verify(key)

    assert refusal.value.code == "api-key-unknown"
    assert refusal.value.public == "The API key is not known here."


def test_a_stolen_hash_is_not_accepted_as_a_key() -> None:
    with pytest.raises(TokenRejected):
        key_verifier(KEPT).verify(forged(KEPT.id, KEPT.secret_sha256[:43]))


@pytest.mark.parametrize(("now", "admitted"), [(NOW + 3599, True), (NOW + 3600, False)])
def test_a_key_expires_at_its_stated_time(now: float, admitted: bool) -> None:
    at_the_desk = key_verifier(KEPT, now=now)
    if admitted:
        assert at_the_desk.verify(KEY).subject == KEPT.id
        return
    with pytest.raises(ApiKeyExpired) as refusal:
        at_the_desk.verify(KEY)
    assert refusal.value.code == "api-key-expired"


def test_only_the_holder_learns_that_a_key_was_revoked() -> None:
    revoked = dataclasses.replace(KEPT, revoked_at=NOW)

    with pytest.raises(ApiKeyRevoked):
        key_verifier(revoked).verify(KEY)
    with pytest.raises(UnknownApiKey):
        key_verifier(revoked).verify(forged(KEPT.id, "0" * 43))


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
def test_an_invalid_key_record_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        dataclasses.replace(KEPT, **changes)

    assert refusal.value.reason == "not-an-api-key"
