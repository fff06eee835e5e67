"""What the guard must know of a request's headers, found in one pass."""

from collections.abc import Iterable
from typing import NamedTuple

_LOOKED_AT = frozenset(
    {
        b"authorization",
        b"host",
        b"origin",
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"mcp-session-id",
        b"access-control-request-method",
        b"access-control-request-headers",
    }
)


class Asked(NamedTuple):
    """
    The headers the guard looks at, and which of them came more than once.

    Headers by which somebody claims to be somebody (``X-User``, ``X-Forwarded-*``) are not here, so
    no decision can depend on them.
    """

    headers: dict[bytes, bytes]
    repeated: frozenset[bytes]


_NONE: frozenset[bytes] = frozenset()


def look_at(headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """Return the headers the guard looks at, names in lower case as ASGI gives them."""
    found: dict[bytes, bytes] = {}
    repeated = _NONE
    for name, value in headers:
        if name in _LOOKED_AT:
            if name in found:
                repeated = repeated | {name}
            found[name] = value
    return Asked(found, repeated)
