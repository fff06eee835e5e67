"""The protocol revisions of MCP that this server speaks, and how their results differ."""

from collections.abc import Iterable
from dataclasses import dataclass

from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS, Envelope


@dataclass(frozen=True)
class ProtocolRevision:
    """
    One revision of MCP, and the features that came or went with it.

    ``structured_content``: titles, output schemas and structured content (since 2025-06-18).
    ``resumable_streams``: the streams of a session begin with an event id (since 2025-11-25).
    ``url_elicitation``: the server can ask users to open a page (since 2025-11-25).
    ``modern``: no sessions; results have a type, caching hints and the server's name, and JSON-RPC
    errors have their own HTTP status (since 2026-07-28).
    """

    version: str
    structured_content: bool = True
    resumable_streams: bool = False
    url_elicitation: bool = False
    modern: bool = False


MODERN = ProtocolRevision("2026-07-28", url_elicitation=True, modern=True)
LATEST_LEGACY = ProtocolRevision("2025-11-25", resumable_streams=True, url_elicitation=True)
_LEGACY = {
    "2025-11-25": LATEST_LEGACY,
    "2025-06-18": ProtocolRevision("2025-06-18"),
    "2025-03-26": ProtocolRevision("2025-03-26", structured_content=False),
}
assert tuple(sorted(_LEGACY)) == LEGACY_VERSIONS

# The version header came with 2025-06-18: a client without it speaks the revision before.
_WITHOUT_HEADER = _LEGACY["2025-03-26"]


def revision_of(envelope: Envelope, headers: Iterable[tuple[bytes, bytes]]) -> ProtocolRevision:
    """
    Return the revision of a request, which is that of its response.

    Spec: MCP 2026-07-28, versioning, "Backward Compatibility"; 2025-11-25, transports, "Protocol
    Version Header"
    """
    if envelope.protocol_version is not None:
        return MODERN
    for name, value in headers:
        if name == b"mcp-protocol-version":
            return _LEGACY.get(value.decode("latin-1"), _WITHOUT_HEADER)
    return _WITHOUT_HEADER


def negotiate_revision(requested: object) -> ProtocolRevision:
    """
    Return the revision for a client that sends ``requested`` in ``initialize``.

    An unknown version gets the latest revision that has ``initialize``.

    Spec: MCP 2025-11-25, lifecycle, "Version Negotiation"
    """
    return _LEGACY.get(requested, LATEST_LEGACY) if isinstance(requested, str) else LATEST_LEGACY
