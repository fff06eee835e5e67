"""A fetch that follows redirects and checks only the first address, as a browser's library would."""

from typing import Any

from doorward.net.http.exchange import exchange
from doorward.net.http.messages import FetchRequest, FetchResponse
from doorward.net.http.url import FetchUrl, read_target


async def exchange_and_follow(
    target: FetchUrl, request: FetchRequest, *, internal_too: bool, any_status: bool, **options: Any
) -> FetchResponse:
    """Return the response of ``target``, or of where it redirects to."""
    first = await exchange(target, request, internal_too=internal_too, any_status=True, **options)
    if first.status != 302:
        return first
    elsewhere = read_target(first.headers["location"])
    return await exchange(elsewhere, request, internal_too=True, any_status=any_status, **options)
