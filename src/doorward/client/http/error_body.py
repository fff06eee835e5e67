"""Limits the body of a 401 or 403 before httpx2 reads and decompresses it."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import anyio
import httpx2

MAX_ERROR_BODY = 64 * 1024
"""Bytes, before and after decompression; an error body is a sentence or a JSON-RPC error."""
_MAX_WAIT = 5.0
_GZIP_OR_ZLIB = 47


async def limit_body(response: httpx2.Response) -> None:
    """
    Replace the stream of ``response`` by a body of limited size.

    Before httpx2 repeats a request, it reads and decompresses the whole body: 400 kB of gzip become
    400 MB. A body that is longer than ``MAX_ERROR_BODY``, takes too long or has an unknown encoding
    becomes empty: the status and the header fields are enough.
    """
    if response.is_stream_consumed:
        return
    packed = await _read(response.stream)
    body = unpacked(packed, response.headers.get("content-encoding", "identity").strip().lower())
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        response.headers.pop(name, None)
    response.stream = httpx2.ByteStream(body)


async def _read(stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> bytes:
    if not isinstance(stream, httpx2.AsyncByteStream):
        return b""
    chunks = aiter(stream)
    body: bytes = b""
    try:
        # A body that breaks off or arrives slowly must not block the next request.
        with suppress(httpx2.HTTPError, OSError), anyio.move_on_after(_MAX_WAIT):
            body = await _all_of(chunks)
    finally:
        with anyio.CancelScope(shield=True):
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
            await stream.aclose()
    return body


async def _all_of(chunks: AsyncIterator[bytes]) -> bytes:
    """Return all chunks, or ``b""`` if they exceed ``MAX_ERROR_BODY``."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_ERROR_BODY:
            return b""
    return bytes(body)


def unpacked(body: bytes, coding: str, limit: int = MAX_ERROR_BODY) -> bytes:
    """Return ``body`` decompressed; empty if it is longer than ``limit`` bytes, or malformed."""
    if coding == "identity":
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        return b""
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = reader.decompress(body, limit + 1)
    except zlib.error:
        return b""
    return plain if reader.eof and len(plain) <= limit else b""
