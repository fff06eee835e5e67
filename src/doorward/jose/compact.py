"""A JWS in compact form, taken apart in the only way there is."""

from base64 import urlsafe_b64encode
from typing import Any

import msgspec

from doorward.wire import strict_json

# More than any provider sends (Entra with 200 groups: 9 kB), and less than a header line may hold.
LONGEST_TOKEN = 16 * 1024
_LONGEST_KID = 512

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_OUTSIDE = ord("!")
# To the alphabet that decoders read. All that is not base64url becomes "!", which none of them does:
# not "+" and "/" either, nor the quotes around what _read_base64 is given.
_TO_STANDARD = bytes(
    b"+/"[b"-_".index(byte)] if byte in b"-_" else byte if byte in _ALPHABET else _OUTSIDE
    for byte in range(256)
)
# The same for a whole token, with the dots between its parts.
_PARTS_TO_STANDARD = _TO_STANDARD[: ord(".")] + b"." + _TO_STANDARD[ord(".") + 1 :]
# By length modulo 4: the last characters whose unused bits are zero. All others decode to the same
# bytes under another spelling, so that one token has several names in a deny list or a cache.
_LAST = (bytes(range(256)), b"", b"AQgw", b"AEIMQUYcgkosw048")
_PADDING = (b"", b"", b"==", b"=")
_read_base64 = msgspec.json.Decoder(bytes).decode
_read_two = msgspec.json.Decoder(tuple[bytes, bytes]).decode
_read_json = msgspec.json.Decoder().decode
_write_json = msgspec.json.Encoder().encode

# Members that change what is verified or with which key. Nobody who sends us access tokens needs
# one, and each has been the way in somewhere: the key comes from the issuer's set and from there alone.
_REFUSED_MEMBERS = frozenset(
    {"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "p2c", "p2s", "epk", "iv", "tag"}
)


class NotCompact(ValueError):
    """The bytes are not a JWS in compact form, or one that another parser would read differently."""


class Compact(msgspec.Struct, frozen=True, gc=False):
    """The three parts: header still encoded, ``payload`` and ``signature`` decoded."""

    signing_input: bytes
    header: bytes
    payload: bytes
    signature: bytes


class Header(msgspec.Struct, frozen=True, gc=False):
    """What a protected header says: ``type`` in lower case and without ``application/``."""

    algorithm: str
    kid: str | None
    type: str | None


def decode_segment(segment: bytes) -> bytes:
    """
    Return the bytes that ``segment`` spells in canonical base64url.

    Raises:
        NotCompact: padding, another alphabet, an impossible length, or unused bits that are set.

    Spec: RFC 7515 §2; RFC 4648 §3.2, §3.5, §5
    """
    tail = len(segment) % 4
    if tail and segment[-1] not in _LAST[tail]:
        raise NotCompact("not canonical base64url")
    # msgspec reads base64 at twice the speed of binascii, and knows it as a JSON string.
    try:
        return _read_base64(b'"%b%b"' % (segment.translate(_TO_STANDARD), _PADDING[tail]))
    except msgspec.MsgspecError:
        raise NotCompact("not base64url") from None


def encode_segment(data: bytes) -> str:
    """
    Return ``data`` as base64url without padding.

    Spec: RFC 7515 §2
    """
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def split(token: bytes) -> Compact:
    """
    Return the parts of a compact JWS.

    Refuses the JSON serialisation, five parts (a JWE), an empty header or signature, whitespace,
    padding and every second spelling of the same bytes. Does not read the header.

    Raises:
        NotCompact: any of the above, or more than ``LONGEST_TOKEN`` bytes.

    Spec: RFC 7515 §3.1, §7.1
    """
    if len(token) > LONGEST_TOKEN:
        raise NotCompact(f"longer than {LONGEST_TOKEN} bytes")
    parts = token.translate(_PARTS_TO_STANDARD).split(b".")
    if len(parts) != 3:
        raise NotCompact(f"{len(parts)} parts")
    header, payload, signature = parts
    # As a number, which is found in a fifth of the time that a text of one character takes.
    if not header or not signature or _OUTSIDE in header:
        raise NotCompact("an empty signature, or a header that is not base64url")
    tail, last = len(payload) % 4, len(signature) % 4
    if (tail and payload[-1] not in _LAST[tail]) or (last and signature[-1] not in _LAST[last]):
        raise NotCompact("not canonical base64url")
    try:
        content, signed = _read_two(
            b'["%b%b","%b%b"]' % (payload, _PADDING[tail], signature, _PADDING[last])
        )
    except msgspec.MsgspecError:
        raise NotCompact("not base64url") from None
    return Compact(token[: -len(signature) - 1], token[: len(header)], content, signed)


def read_header(segment: bytes) -> Header:
    """
    Return what the encoded header ``segment`` says.

    Refuses every member that brings a key along or changes what is signed.

    Raises:
        NotCompact: not a JSON object, a member that is refused, or one of the wrong type.

    Spec: RFC 7515 §4.1; RFC 8725 §3.1, §3.10; RFC 7797 §6
    """
    members = read_object(decode_segment(segment))
    refused = _REFUSED_MEMBERS & members.keys()
    if refused:
        raise NotCompact(f"header member {min(refused)!r} is not accepted")
    algorithm = members.get("alg")
    if not isinstance(algorithm, str):
        raise NotCompact("no alg")
    # A nested JWT: what is inside would need a verdict of its own.
    if _media_type(members, "cty") == "jwt":
        raise NotCompact("a nested JWT")
    return Header(algorithm, _kid(members), _media_type(members, "typ"))


def unverified_claims(token: str | bytes) -> dict[str, Any]:
    """
    Return the claims of a JWT whose signature nobody has checked: never grant anything on them.

    Raises:
        NotCompact: see ``split`` and ``read_object``.
    """
    if isinstance(token, str):
        # A character beyond ASCII becomes one that base64url does not have.
        token = token.encode("ascii", "replace")
    return read_object(split(token).payload)


def _kid(members: dict[str, Any]) -> str | None:
    if "kid" not in members:
        return None
    kid = members["kid"]
    if not isinstance(kid, str) or len(kid) > _LONGEST_KID:
        raise NotCompact("kid is not a short string")
    return kid


def _media_type(members: dict[str, Any], member: str) -> str | None:
    if member not in members:
        return None
    name = members[member]
    if not isinstance(name, str) or not name.isascii():
        raise NotCompact(f"{member} is not a media type")
    return name.lower().removeprefix("application/")


def read_object(data: bytes) -> dict[str, Any]:
    """
    Return the JSON object in ``data``, as strictly as ``strict_json`` and usually ten times faster.

    Raises:
        NotCompact: not UTF-8, not JSON, not an object, or an object with a member twice.

    Spec: RFC 7515 §4, §5.2 step 4; RFC 7519 §4
    """
    try:
        value = _read_json(data)
        # Written again and byte for byte the same: then no member was there twice, and nothing was
        # read that could be read otherwise. Whoever writes spaces or escapes takes the slow way.
        # The count keeps nesting as shallow as the slow way would.
        if _write_json(value) != data or data.count(b"[") + data.count(b"{") > 31:
            value = strict_json.parse_object(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Without the cause: the message of a JSON parser may quote what it read.
        raise NotCompact("not strict JSON") from None
    if type(value) is not dict:
        raise NotCompact("not a JSON object")
    return value
