"""One question on the wire and its answer off it: the part of a fetch that needs an HTTP library."""

import re
import ssl
from collections.abc import Mapping

import httpcore2

from doorward.net.connection import PinnedBackend
from doorward.net.messages import FetchRequest, FetchResponse
from doorward.net.refusals import AnswerUnusable, FetchFailed
from doorward.net.resolver import Resolver
from doorward.net.url import FetchUrl

_MAX_AGE = re.compile(r'(?:^|[,\s])(?:s-maxage|max-age)="?([0-9]{1,10})"?', re.IGNORECASE)
_UNCACHED = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s=])", re.IGNORECASE)


async def exchange(
    target: FetchUrl,
    question: FetchRequest,
    *,
    resolver: Resolver,
    anywhere: bool,
    tls: ssl.SSLContext | None,
    limit: int,
    any_status: bool,
) -> FetchResponse:
    """
    Return what ``target`` answers, at most ``limit`` bytes of it, over a connection of its own.

    ``anywhere`` is for a target that the operator named himself: its addresses are not judged.

    Raises:
        FetchRefused: an address behind the target is none that this process goes to.
        FetchFailed: no answer, one that is no HTTP, too long or encoded, or without ``any_status``
            one other than a 200.
    """
    context = tls if target.scheme == "https" else None
    try:
        # A pool for one request: a connection kept open would outlive the check of its address.
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=context,
                max_connections=1,
                network_backend=PinnedBackend(resolver, anywhere=anywhere),
            ) as pool,
            pool.stream(
                question.method,
                _url(target),
                headers=question.headers(target),
                content=question.body or None,
            ) as answer,
        ):
            return await _read(answer, target, limit, any_status=any_status)
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        raise FetchFailed(f"{target.pair!r}: {type(error).__name__}: {error}") from None


def _url(target: FetchUrl) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )


async def _read(
    answer: httpcore2.Response, target: FetchUrl, limit: int, *, any_status: bool
) -> FetchResponse:
    # Redirects too: the address behind one was never checked, and following it with a check of its
    # own still lets the first host choose where this process goes next.
    if answer.status != 200 and not any_status:
        raise AnswerUnusable(f"{target.pair!r} answered {answer.status}")
    headers = _headers(answer)
    # We asked for none; whoever encodes regardless may send 5 kB that unpack to 5 GB.
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise AnswerUnusable(f"{target.pair!r} answered with an encoded body")
    body = bytearray()
    async for part in answer.aiter_stream():
        body += part
        if len(body) > limit:
            raise AnswerUnusable(f"{target.pair!r} sent more than {limit} bytes")
    return FetchResponse(answer.status, headers, bytes(body), _max_age(headers))


def _headers(answer: httpcore2.Response) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in answer.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        merged[key] = f"{merged[key]}, {text}" if key in merged else text
    return merged


def _max_age(headers: Mapping[str, str]) -> float | None:
    policy = headers.get("cache-control", "")
    if _UNCACHED.search(policy):
        return 0.0
    found = _MAX_AGE.search(policy)
    if found is None:
        return None
    age = headers.get("age", "0").strip()
    return max(0.0, float(found[1]) - (float(age) if age.isascii() and age.isdigit() else 0.0))
