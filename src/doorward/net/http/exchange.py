"""One HTTP request and its response: the part of a fetch that needs an HTTP library."""

import re
import ssl
from collections.abc import Mapping

import httpcore2

from doorward.net.http.certificates import certificate_problem
from doorward.net.http.connection import PinnedBackend
from doorward.net.http.messages import FetchRequest, FetchResponse
from doorward.net.http.refusals import FetchFailed, UnusableResponse
from doorward.net.http.resolver import Resolver
from doorward.net.http.url import FetchUrl

_MAX_AGE = re.compile(r'(?:^|[,\s])(?:s-maxage|max-age)="?([0-9]{1,10})"?', re.IGNORECASE)
_NOT_CACHEABLE = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s=])", re.IGNORECASE)


async def exchange(
    target: FetchUrl,
    request: FetchRequest,
    *,
    resolver: Resolver,
    internal_too: bool,
    tls: ssl.SSLContext | None,
    limit: int,
    any_status: bool,
) -> FetchResponse:
    """
    Return the response of ``target``, of at most ``limit`` bytes, over a new connection.

    ``internal_too`` is for a target that the operator configured: it may be in a private network.

    Raises:
        FetchRefused: an address of the target is not public.
        FetchFailed: no response, invalid HTTP, too long, encoded, or not 200 without ``any_status``.
    """
    context = tls if target.scheme == "https" else None
    try:
        # A pool for one request: a connection kept open would outlive the check of its address.
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=context,
                max_connections=1,
                network_backend=PinnedBackend(resolver, internal_too=internal_too),
            ) as pool,
            pool.stream(
                request.method,
                _url(target),
                headers=request.headers(target),
                content=request.body or None,
            ) as response,
        ):
            return await _read(response, target, limit, any_status=any_status)
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        if why := certificate_problem(error):
            raise FetchFailed(
                f"the certificate of {target.host_port!r} is not trusted: {why}"
            ) from None
        raise FetchFailed(f"{target.host_port!r}: {type(error).__name__}: {error}") from None


def _url(target: FetchUrl) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )


async def _read(
    response: httpcore2.Response, target: FetchUrl, limit: int, *, any_status: bool
) -> FetchResponse:
    # Redirects too: with a check of the new address, the first host could still choose where this
    # process connects next.
    if response.status != 200 and not any_status:
        raise UnusableResponse(f"{target.host_port!r} answered {response.status}")
    headers = _headers(response)
    # The request asked for none. 5 kB of compressed data can unpack to 5 GB.
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnusableResponse(f"{target.host_port!r} answered with an encoded body")
    body = bytearray()
    async for part in response.aiter_stream():
        body += part
        if len(body) > limit:
            raise UnusableResponse(f"{target.host_port!r} sent more than {limit} bytes")
    return FetchResponse(response.status, headers, bytes(body), _max_age(headers))


def _headers(response: httpcore2.Response) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        merged[key] = f"{merged[key]}, {text}" if key in merged else text
    return merged


def _max_age(headers: Mapping[str, str]) -> float | None:
    policy = headers.get("cache-control", "")
    if _NOT_CACHEABLE.search(policy):
        return 0.0
    found = _MAX_AGE.search(policy)
    if found is None:
        return None
    age = headers.get("age", "0").strip()
    return max(0.0, float(found[1]) - (float(age) if age.isascii() and age.isdigit() else 0.0))
