"""A page that the user is asked to open: for what must not pass through the client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

from doorward.errors import ConfigurationError
from doorward.mcp_server.elicitation.input_requests import InvalidInputResponse
from doorward.mcp_server.refusals import ProtocolRefusal
from doorward.wire import address

ID_PARAMETER = "elicitationId"
MAX_URL_LENGTH = 2000


@dataclass(frozen=True)
class ElicitedUrl:
    """
    What the user did when they were asked to open a page.

    ``accepted`` says that they agreed to open it, and nothing of what they did there; ``completed``
    says that the page reported the end of it, for this ``id`` and this user.
    """

    action: Literal["accept", "decline", "cancel"]
    id: str
    completed: bool = False

    @property
    def accepted(self) -> bool:
        """Say whether the user agreed to open the page."""
        return self.action == "accept"


@dataclass(frozen=True)
class ElicitUrl:
    """
    A page for the user to open in a browser, where nothing they type passes through the client.

    ``url`` gets a query parameter ``elicitationId``, with which the page finds out by
    ``McpServer.elicitations`` whether whoever opened it is the one who was asked. It must hold
    nothing about the user and open nothing by itself: the client reads it, and so may whoever it is
    sent on to. ``wait`` is how many seconds to wait for the page's end once the user agreed. ``id``
    and ``tells_id`` are filled in when the question is asked.

    Raises:
        ConfigurationError: with reason ``unusable-page``.

    Spec: MCP 2026-07-28, client/elicitation, "URL Mode Elicitation Requests", "Safe URL Handling"
    """

    message: str
    url: str
    wait: float = 0.0
    id: str = ""
    include_id: bool = False

    method = "elicitation/create"

    def __post_init__(self) -> None:
        """Refuse an address that no client may show."""
        _require_page(self.url)

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """URL mode, which a client must name."""
        return {"elicitation": {"url": {}}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``elicitation/create``."""
        page, hash_mark, fragment = self.url.partition("#")
        joined = f"{page}{'&' if '?' in page else '?'}{ID_PARAMETER}={quote(self.id, safe='')}"
        params = {"mode": "url", "message": self.message, "url": joined + hash_mark + fragment}
        return {**params, ID_PARAMETER: self.id} if self.include_id else params

    def read(self, answer: Mapping[str, Any]) -> ElicitedUrl:
        """Return what the user did. Raises: BadAnswer."""
        action = answer.get("action")
        if action not in ("accept", "decline", "cancel"):
            raise InvalidInputResponse("says neither that the page is opened nor that it is not")
        return ElicitedUrl(action, self.id)


class UrlElicitationRequired(ProtocolRefusal):
    """
    The request cannot be served until its user has been to a page; then it is to be sent again.

    Spec: MCP 2025-11-25, client/elicitation, "URL Elicitation Required Error"
    """

    code = "url-elicitation-required"
    jsonrpc_code = -32042

    def __init__(self, page: ElicitUrl) -> None:
        data = {"elicitations": [page.params()]}
        super().__init__("This request requires more information.", data)


def _require_page(url: str) -> None:
    """Refuse what is no address to show to a user. The address is not repeated: it may be secret."""
    parts = address.split(url)
    if parts is None or len(url) > MAX_URL_LENGTH:
        raise _unusable("is no absolute http(s) URL of plain characters, or names a password")
    if parts.scheme != "https" and not address.is_loopback_host(parts.hostname):
        # Whoever sits on the way could put a page of their own in its place.
        raise _unusable("is plain http, and not on this machine")
    if ID_PARAMETER in dict(parse_qsl(parts.query, keep_blank_values=True)):
        raise _unusable(f"has a parameter {ID_PARAMETER} already")


def _unusable(problem: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-page",
        f"The address of a page that a user is to open {problem}.",
        f"Give an https URL of at most {MAX_URL_LENGTH} characters without credentials "
        "(http is for localhost alone).",
    )
