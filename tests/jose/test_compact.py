"""A JWS in compact form has one spelling."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.jose.compact import (
    LONGEST_TOKEN,
    MalformedJws,
    decode_segment,
    read_header,
    read_object,
    split_jws,
)
from tests.ledger import proves


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def header(**members: object) -> bytes:
    return b64(json.dumps({"alg": "ES256", **members}).encode())


@proves("S132", "accepts", "strict encodings")
@given(st.binary(min_size=1), st.binary(), st.binary(min_size=1))
def test_a_token_splits_into_the_parts_it_was_joined_from(
    head: bytes, payload: bytes, signature: bytes
) -> None:
    token = b".".join((b64(head), b64(payload), b64(signature)))
    parts = split_jws(token)

    assert (parts.header, parts.payload, parts.signature) == (b64(head), payload, signature)
    assert parts.signing_input == token.rpartition(b".")[0]


@proves("S132", "accepts", "strict encodings")
@given(st.binary())
def test_canonical_base64url_is_read(data: bytes) -> None:
    assert decode_segment(b64(data)) == data


@proves("S132", "refuses", "strict encodings")
@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ."))
def test_non_canonical_base64url_is_refused(text: str) -> None:
    segment = text.encode()
    try:
        data = decode_segment(segment)
    except MalformedJws:
        return
    assert b64(data) == segment


GOOD = (b64(b'{"alg":"ES256"}'), b64(b"{}"), b64(b"signature"))


@proves("S126", "refuses", "compact form only")
@proves("S132", "refuses", "strict encodings")
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b".." + GOOD[2], id="no-header"),
        pytest.param(b".".join(GOOD[:2]), id="two-parts"),
        pytest.param(b".".join(GOOD[:2]) + b".", id="no-signature"),
        pytest.param(b".".join((*GOOD, b"x")), id="four-parts"),
        pytest.param(b".".join((*GOOD, b"eA", b"eA")), id="jwe"),
        pytest.param(b".".join(GOOD) + b"=", id="padding"),
        pytest.param(b".".join(GOOD) + b"\n", id="newline-behind"),
        pytest.param(b" " + b".".join(GOOD), id="space-before"),
        pytest.param(b". ".join(GOOD), id="space-inside"),
        pytest.param(b".".join(GOOD) + b"\x00", id="nul"),
        pytest.param(b".".join(GOOD).replace(b"e", b"\xc3\xa9", 1), id="not-ascii"),
        pytest.param(GOOD[0] + b".eyJ+." + GOOD[2], id="plus"),
        pytest.param(GOOD[0] + b".eyJ/." + GOOD[2], id="slash"),
        pytest.param(GOOD[0] + b".e." + GOOD[2], id="impossible-length"),
        pytest.param(GOOD[0] + b".e31." + GOOD[2], id="bits-after-the-end"),
        pytest.param(GOOD[0] + b".eR." + GOOD[2], id="four-bits-after-the-end"),
        pytest.param(b".".join(GOOD[:2]) + b".eR", id="bits-after-the-signature"),
        pytest.param(
            b'{"payload":"e30","signatures":[{"protected":"e30","signature":"eA"}]}',
            id="json-serialisation",
        ),
        pytest.param(b'{"payload":"e30","protected":"e30","signature":"eA"}', id="json-flattened"),
        pytest.param(b'{"payload":"e30","signatures":[]}', id="json-without-signatures"),
        pytest.param(GOOD[0] + b"." + b"A" * LONGEST_TOKEN + b"." + GOOD[2], id="too-long"),
    ],
)
def test_anything_but_three_canonical_parts_is_refused(token: bytes) -> None:
    with pytest.raises(MalformedJws):
        split_jws(token)


@proves("S126", "accepts", "compact form only")
@proves("S127", "accepts", "crit, zip and encryption")
def test_a_plain_header_is_read() -> None:
    read = read_header(header(kid="one", typ="application/AT+JWT", unknown={"a": [1]}))

    assert (read.algorithm, read.kid, read.type) == ("ES256", "one", "at+jwt")
    assert read_header(header()).type is None


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize(
    "members",
    [
        {"jwk": {"kty": "oct"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": []},
        {"kid": 7},
        {"kid": None},
        {"kid": ["one"]},
        {"kid": "k" * 513},
    ],
    ids=str,
)
def test_a_header_with_a_key_or_an_invalid_kid_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedJws):
        read_header(header(**members))


@proves("S127", "refuses", "crit, zip and encryption")
@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"p2c": 10**9},
        {"p2s": "eA"},
        {"cty": "JWT"},
        {"cty": "application/jwt"},
        {"cty": ["JWT"]},
        {"cty": None},
        {"typ": 1},
        {"typ": None},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": 5},
    ],
    ids=str,
)
def test_a_header_that_changes_what_is_verified_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedJws):
        read_header(header(**members))


@proves("S125", "refuses", "key confusion")
def test_a_header_without_an_algorithm_is_refused() -> None:
    with pytest.raises(MalformedJws):
        read_header(b64(b"{}"))


@proves("S132", "refuses", "strict encodings")
@proves("S133", "refuses", "payload is an object")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"1", id="number"),
        pytest.param(b"true", id="true"),
        pytest.param(b"[{}]", id="object-in-array"),
        pytest.param(b'{"a":1,"a":1}', id="twice-the-same"),
        pytest.param(b'{"a":1,"a":2}', id="twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="twice-escaped"),
        pytest.param(b'{"a":{"b":1,"b":2}}', id="twice-inside"),
        pytest.param(b'{"a": 1, "a": 2}', id="twice-with-spaces"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":Infinity}', id="infinity"),
        pytest.param(b'{"a":1e999}', id="overflow"),
        pytest.param(b"{'a':1}", id="apostrophes"),
        pytest.param(b'{"a":1,}', id="trailing-comma"),
        pytest.param(b'{"a":1}{}', id="trailing-object"),
        pytest.param(b'{"a":1}\x00', id="trailing-nul"),
        pytest.param(b'{"a":"\xff"}', id="not-utf-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate-bytes"),
        pytest.param(b'{"a":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="bom"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="utf-16-le"),
        pytest.param('{"a":1}'.encode("utf-32"), id="utf-32"),
        pytest.param(b'{"a":' * 100 + b"1" + b"}" * 100, id="deep"),
        pytest.param(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", id="very-deep"),
        pytest.param(b'{"a":01}', id="leading-zero"),
    ],
)
def test_anything_but_a_strict_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedJws):
        read_object(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@proves("S133", "accepts", "payload is an object")
@given(st.dictionaries(st.text(), JSON), st.booleans(), st.booleans())
def test_an_object_is_read_as_by_the_standard_library(
    value: dict[str, object], compactly: bool, ascii_only: bool
) -> None:
    separators = (",", ":") if compactly else (", ", ": ")
    try:
        data = json.dumps(
            value, separators=separators, ensure_ascii=ascii_only, allow_nan=False
        ).encode()
    except (ValueError, UnicodeEncodeError):
        return
    try:
        read = read_object(data)
    except MalformedJws:
        # Surrogates and numbers too large for a double are refused; nothing else is.
        assert "\\ud" in data.decode() or any(len(run) > 300 for run in data.decode().split(","))
        return
    assert read == json.loads(data)
