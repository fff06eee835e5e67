"""One request on its way through the server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from doorward.identity import Identity
from doorward.transport.eras import Era


@dataclass(frozen=True, slots=True)
class Call:
    """
    What a method is asked, by whom, and in which era.

    ``identity`` is what the guard verified and nothing else: no header, argument or ``_meta`` of
    the request has a way into it. ``headers`` are as ASGI gives them.
    """

    params: dict[str, Any]
    name: str | None
    identity: Identity | None
    era: Era
    headers: list[tuple[bytes, bytes]]


# A method answers the members of its result as JSON text, without the braces round them.
Method = Callable[[Call], Awaitable[bytes]]
