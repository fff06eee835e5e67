"""URL mode: the user opens a page, for what must not pass through the client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

from doorward.errors import ConfigurationError
from doorward.mcp_server.refusals import InvalidInputResponse
from doorward.wire import address
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

ID_PARAMETER = "elicitationId"
MAX_URL_LENGTH = 2000


@dataclass(frozen=True)
class ElicitedUrl:
    """
    What the user did when asked to open a page.

    ``accepted`` means that they agreed to open it, not what they did there. ``completed`` means that
    the page has called ``McpServer.pending_pages.complete`` for this ``id`` and this user.
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
    A page for the user to open in a browser: nothing they type there passes through the client.

    ```python
    @server.tool()
    async def connect_github(ctx: Context) -> str:
        \"\"\"Connect an account at GitHub.\"\"\"
        answers = await ctx.ask(page=ElicitUrl("Connect GitHub", "https://mcp.example/connect"))
        page: ElicitedUrl = answers["page"]
        return "Open the page." if page.accepted else "Not connected."
    ```

    ``url`` gets a query parameter ``elicitationId``. The page gives it to
    ``McpServer.pending_pages``, which tells whether the page was made for this user. The URL must
    not hold user data or grant access: the client reads it, and users can forward it. ``wait`` is
    how many seconds to wait for the page once the user agreed. ``Context`` sets ``id`` and
    ``include_id``.

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
        """Refuse a URL that no client may show."""
        _require_page(self.url)

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """URL mode, which a client must declare."""
        return {"elicitation": {"url": {}}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``elicitation/create``."""
        page, hash_mark, fragment = self.url.partition("#")
        joined = f"{page}{'&' if '?' in page else '?'}{ID_PARAMETER}={quote(self.id, safe='')}"
        params = {"mode": "url", "message": self.message, "url": joined + hash_mark + fragment}
        return {**params, ID_PARAMETER: self.id} if self.include_id else params

    def read(self, response: Mapping[str, Any]) -> ElicitedUrl:
        """Return what the user did. Raises: BadAnswer."""
        action = response.get("action")
        if action not in ("accept", "decline", "cancel"):
            raise InvalidInputResponse("says neither that the page is opened nor that it is not")
        return ElicitedUrl(action, self.id)


class UrlElicitationRequired(ProtocolRefusal):
    """
    The user must open a page before the client sends the request again.

    ```python
    @server.tool()
    async def repositories() -> list[str]:
        \"\"\"List repositories, of an account that the user must connect first.\"\"\"
        raise UrlElicitationRequired(ElicitUrl("Connect GitHub", "https://mcp.example/connect"))
    ```

    Spec: MCP 2025-11-25, client/elicitation, "URL Elicitation Required Error"
    """

    code = "url-elicitation-required"
    jsonrpc_code = -32042
    hint = "Open the page that error.data names, then send the request again."

    def __init__(self, page: ElicitUrl) -> None:
        data = {"elicitations": [page.params()]}
        super().__init__("This request requires more information.", data)


def _require_page(url: str) -> None:
    """Refuse a URL that cannot be shown to users. The error omits the URL, which may be secret."""
    parts = address.split(url)
    if parts is None or len(url) > MAX_URL_LENGTH:
        raise _unusable("is not an absolute http(s) URL in ASCII, or has a password")
    if parts.scheme != "https" and not address.is_loopback_host(parts.hostname):
        # An attacker on the network could replace the page.
        raise _unusable("is plain http, and not on localhost")
    if ID_PARAMETER in dict(parse_qsl(parts.query, keep_blank_values=True)):
        raise _unusable(f"already has a parameter {ID_PARAMETER}")


def _unusable(problem: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-page",
        f"The URL of a page for the user {problem}.",
        f"Give an https URL of at most {MAX_URL_LENGTH} characters without credentials "
        "(http only for localhost).",
    )
