"""Pagination: a cursor is the last name of the page before, valid for its caller only."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from doorward.mcp_server.refusals import InvalidParams


class Named(Protocol):
    """An entry of a list; its name is unique in the list."""

    @property
    def name(self) -> str:
        """The name that a cursor holds."""


T = TypeVar("T", bound=Named)


def paginate(
    visible: Sequence[T], cursor: Any, size: int | None
) -> tuple[Sequence[T], dict[str, str]]:
    """
    Return the page after ``cursor``, and the ``nextCursor`` member if more pages follow.

    ``visible`` is what the caller may see. A cursor that names anything else gets the error of a
    malformed one: a difference would reveal hidden names.

    Raises:
        InvalidParams: this caller was not given the cursor.

    Spec: MCP 2026-07-28, server/utilities/pagination
    """
    start = 0
    if cursor is not None:
        name = _name_in(cursor) if size is not None else None
        start = next((place for place, one in enumerate(visible, 1) if one.name == name), 0)
        if start == 0:
            raise InvalidParams("Invalid cursor")
    if size is None or start + size >= len(visible):
        return visible[start:], {}
    page = visible[start : start + size]
    return page, {"nextCursor": base64.urlsafe_b64encode(page[-1].name.encode()).decode()}


def _name_in(cursor: Any) -> str | None:
    if not isinstance(cursor, str):
        return None
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
