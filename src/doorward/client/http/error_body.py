"""The body of a 401 or a 403, bounded before httpx2 reads and unpacks it as a whole."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import anyio
import httpx2

MAX_ERROR_BODY = 64 * 1024
"""Octets, before and after decompression; a refusal is a sentence or a JSON-RPC error."""
_MAX_WAIT = 5.0
_GZIP_OR_ZLIB = 47


async def limit_body(response: httpx2.Response) -> None:
    """
    Put what may be read of its body in place of the stream of ``response``.

    httpx2 reads the whole body of a response before it sends a request again, and unpacks it: 400 kB
    of gzip become 400 MB. A body that is longer than ``MAX_ERROR_BODY``, takes too long, or is
    packed in a way that cannot be unpacked in bounds becomes an empty one: the status and the
    header fields say what to do.
    """
    if response.is_stream_consumed:
        return
    packed = await _read(response.stream)
    body = _unpacked(packed, response.headers.get("content-encoding", "identity").strip().lower())
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        response.headers.pop(name, None)
    response.stream = httpx2.ByteStream(body)


async def _read(stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> bytes:
    if not isinstance(stream, httpx2.AsyncByteStream):
        return b""
    chunks = aiter(stream)
    body: bytes = b""
    try:
        # An answer that breaks off or drips keeps nobody from the next request.
        with suppress(httpx2.HTTPError, OSError), anyio.move_on_after(_MAX_WAIT):
            body = await _all_of(chunks)
    finally:
        with anyio.CancelScope(shield=True):
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
            await stream.aclose()
    return body


async def _all_of(chunks: AsyncIterator[bytes]) -> bytes:
    """Return every chunk, or nothing as soon as they are too many."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_ERROR_BODY:
            return b""
    return bytes(body)


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return ``body`` unpacked; empty when that is too long, or cannot be done."""
    if coding == "identity":
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        return b""
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        unpacked = reader.decompress(body, MAX_ERROR_BODY + 1)
    except zlib.error:
        return b""
    return unpacked if reader.eof and len(unpacked) <= MAX_ERROR_BODY else b""
