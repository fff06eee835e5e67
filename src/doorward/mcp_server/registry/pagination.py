"""Lists in pages: a cursor is the last name of the page before, and works for its caller alone."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from doorward.mcp_server.refusals import InvalidParams


class Named(Protocol):
    """Something that a cursor can point at."""

    @property
    def name(self) -> str:
        """The name that is its own among all in the list."""


T = TypeVar("T", bound=Named)


def paginate(shown: Sequence[T], cursor: Any, size: int | None) -> tuple[Sequence[T], bytes]:
    """
    Return the page after ``cursor``, and the ``nextCursor`` member where more follow.

    ``shown`` is what the caller may see: a cursor that names anything else is refused in the same
    words as nonsense, or guesses would find out what is hidden.

    Raises:
        InvalidParams: the cursor is not one that this caller was given.

    Spec: MCP 2026-07-28, server/utilities/pagination
    """
    start = 0
    if cursor is not None:
        name = _name_in(cursor) if size is not None else None
        start = next((place for place, one in enumerate(shown, 1) if one.name == name), 0)
        if start == 0:
            raise InvalidParams("Invalid cursor")
    if size is None or start + size >= len(shown):
        return shown[start:], b""
    page = shown[start : start + size]
    return page, b',"nextCursor":"%b"' % base64.urlsafe_b64encode(page[-1].name.encode())


def _name_in(cursor: Any) -> str | None:
    if not isinstance(cursor, str):
        return None
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
