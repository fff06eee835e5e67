"""The two eras of MCP over HTTP, and what their results look like."""

from collections.abc import Iterable
from dataclasses import dataclass

from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS, Envelope


@dataclass(frozen=True)
class ProtocolRevision:
    """
    How a protocol version shapes an answer.

    ``structured``: titles, output schemas and structured content exist (since 2025-06-18).
    ``resumes``: streams of a session begin with an event to come back to (since 2025-11-25).
    ``urls``: users can be asked to open a page (since 2025-11-25).
    ``modern``: results carry a type, caching hints and the server's name, and JSON-RPC errors have
    an HTTP status of their own (since 2026-07-28).
    """

    version: str
    structured: bool = True
    resumable: bool = False
    urls: bool = False
    modern: bool = False


MODERN = ProtocolRevision("2026-07-28", urls=True, modern=True)
LATEST_LEGACY = ProtocolRevision("2025-11-25", resumable=True, urls=True)
_LEGACY = {
    "2025-11-25": LATEST_LEGACY,
    "2025-06-18": ProtocolRevision("2025-06-18"),
    "2025-03-26": ProtocolRevision("2025-03-26", structured=False),
}
assert tuple(sorted(_LEGACY)) == LEGACY_VERSIONS

# The header came with 2025-06-18, so a client that sends none speaks the version before it.
_WITHOUT_HEADER = _LEGACY["2025-03-26"]


def revision_of(envelope: Envelope, headers: Iterable[tuple[bytes, bytes]]) -> ProtocolRevision:
    """
    Return the era in which the message is to be answered.

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
    Return the era to offer a client that asks for ``requested`` in ``initialize``.

    What it asks for when that is spoken here, else the latest of its era.

    Spec: MCP 2025-11-25, lifecycle, "Version Negotiation"
    """
    return _LEGACY.get(requested, LATEST_LEGACY) if isinstance(requested, str) else LATEST_LEGACY
