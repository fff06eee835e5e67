"""Reads the body of an answer, within limits of size, and finds the document in it."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2

from doorward.client.http.error_body import unpacked
from doorward.client.refusals import ProtocolBroken

MAX_BODY = 256 * 1024
_KNOWN = frozenset({"identity", "gzip", "x-gzip", "deflate"})
LONGEST_PAGE = 1500
_HEAD = re.compile(r"(?is)<(script|style|svg|noscript)\b.*?(?:</\1>|$)|<!--.*?(?:-->|$)")
_TAG = re.compile(r"<(?!!doctype|/?html|/?title)[^<>]{0,500}>", re.IGNORECASE)
_MAX_EVENTS = 64 * 1024


async def read_body(response: httpx2.Response) -> bytes:
    """
    Return the body, decompressed; of an event stream, only the part up to the first response.

    Raises:
        ProtocolBroken: with reason ``too-large``, before or after decompression.
    """
    is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > (_MAX_EVENTS if is_stream else MAX_BODY):
            raise _too_large(response)
        if is_stream and document_in(bytes(body), is_stream=True) is not None:
            break
    coding = response.headers.get("content-encoding", "identity").strip().lower() or "identity"
    plain = unpacked(bytes(body), coding, MAX_BODY)
    if coding not in _KNOWN:
        raise ProtocolBroken(
            "compressed", f"{response.url.host} sent the encoding {coding[:40]!r}."
        )
    if body and not plain and coding != "identity":
        raise _too_large(response)
    return plain


def excerpt(body: bytes) -> str:
    """Return the text of a page without scripts and most markup, and other text as it is."""
    text = body[: 64 * 1024].decode("utf-8", "replace")
    if "<" not in text[:200]:
        return text[:4096]
    return " ".join(html.unescape(_TAG.sub(" ", _HEAD.sub(" ", text))).split())[:4096]


def document_in(body: bytes, *, is_stream: bool) -> Mapping[str, Any] | None:
    """
    Return the JSON object in ``body``; in an event stream, the first JSON-RPC response.

    Reads what clients read: duplicate members and a byte order mark are not judged here.
    """
    if not is_stream:
        return _json_object(body)
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        found = _json_object(b"\n".join(lines))
        if found is not None and ("result" in found or "error" in found):
            return found
    return None


def _json_object(text: bytes) -> Mapping[str, Any] | None:
    # Real clients use a lenient parser, so a document that they accept must not be reported.
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _too_large(response: httpx2.Response) -> ProtocolBroken:
    return ProtocolBroken("too-large", f"{response.url.host} sent more than {MAX_BODY} bytes.")
