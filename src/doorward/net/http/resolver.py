"""The addresses of a host name, from the system's resolver."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from doorward.net.http.refusals import FetchFailed

# The addresses of a host, in the order in which to try them.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """
    Return the addresses that the system's resolver gives for ``host``, without repeats.

    Raises:
        FetchFailed: there is none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"{host!r} does not resolve: {error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
