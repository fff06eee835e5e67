"""How a server says what it is: ``server/discover``, and ``initialize`` with ``ping``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from doorward.mcp_server.protocol_revision import ProtocolRevision, negotiate_revision
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext
from doorward.wire.jsonrpc.envelope import MODERN_VERSIONS

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class ServerInfo:
    """A server's name, version and title, and its words for the model that will use it."""

    name: str
    version: str
    title: str | None = None
    instructions: str | None = None

    @property
    def implementation(self) -> dict[str, str]:
        """Return the server as an ``Implementation`` on the wire."""
        said = {"name": self.name, "version": self.version}
        return {**said, "title": self.title} if self.title is not None else said


@dataclass(frozen=True)
class Handshake:
    """
    The first answers of a server.

    ``capabilities`` is asked each time, for tools may be added, and told whether the client is of
    the modern era. ``begin_session`` begins one where the server needs it for this client. ``meta``
    is the author's, for clients of that era's ``initialize``: the modern one has it in every result.
    """

    about: ServerInfo
    capabilities: Callable[[bool], dict[str, Any]]
    ttl_ms: int
    begin_session: Callable[[RequestContext, ProtocolRevision], None]
    meta: Mapping[str, Any] = field(default_factory=dict)

    async def discover(self, request: RequestContext) -> bytes:
        """
        Answer ``server/discover``.

        Spec: MCP 2026-07-28, server/discover
        """
        result: dict[str, Any] = {
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": self.capabilities(True),
        }
        hints = cache_hints(self.ttl_ms, private=request.identity is not None)
        return _encode(self._instructed(result))[1:-1] + hints

    async def initialize(self, request: RequestContext) -> bytes:
        """
        Answer ``initialize``. Even in a session every later request is judged by itself.

        Raises:
            InvalidParams: the client does not say what it is and speaks.

        Spec: MCP 2025-11-25, lifecycle, "Initialization"
        """
        for member, kind in (
            ("protocolVersion", str),
            ("capabilities", dict),
            ("clientInfo", dict),
        ):
            if not isinstance(request.params.get(member), kind):
                raise InvalidParams(f"params.{member} is missing or of the wrong type")
        revision = negotiate_revision(request.params["protocolVersion"])
        self.begin_session(request, revision)
        result: dict[str, Any] = {
            "protocolVersion": revision.version,
            "capabilities": self.capabilities(False),
            "serverInfo": self.about.implementation,
        }
        if self.meta:
            result["_meta"] = dict(self.meta)
        return _encode(self._instructed(result))[1:-1]

    async def ping(self, request: RequestContext) -> bytes:  # noqa: ARG002 - a method takes its call
        """Answer ``ping`` with nothing. Spec: MCP 2025-11-25, utilities/ping."""
        return b""

    def _instructed(self, result: dict[str, Any]) -> dict[str, Any]:
        if self.about.instructions is not None:
            result["instructions"] = self.about.instructions
        return result
