"""The errors for a message that cannot be parsed unambiguously."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from doorward.errors import RequestRefused

MODERN_VERSIONS = ("2026-07-28",)
LEGACY_VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25")

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022


class Malformed(RequestRefused):
    """The body is not one message that every parser reads alike."""

    code = "malformed-message"
    jsonrpc_code: ClassVar[int] = INVALID_REQUEST
    public = "The body must be a single JSON-RPC message."
    hint = "Send exactly one JSON-RPC message in each request."

    def __init__(
        self,
        detail: str,
        *,
        description: str | None = None,
        id: str | int | None = None,  # noqa: A002 - the member's name in JSON-RPC
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, description=description)
        self.id = id
        self.data = data


class NotJson(Malformed):
    """The body is not JSON, or JSON that two parsers read differently."""

    code = "not-json"
    jsonrpc_code = PARSE_ERROR
    public = "The body is not unambiguous JSON."
    hint = "Send JSON in UTF-8 without duplicate members, NaN or a byte order mark."


class MalformedParams(Malformed):
    """A parameter is missing or has the wrong type."""

    code = "malformed-params"
    jsonrpc_code = INVALID_PARAMS
    public = "The request's params are invalid."
    hint = "Send params as the method's schema defines them. In 2026-07-28, _meta is required."


class AmbiguousUri(MalformedParams):
    """
    The URI is not in normal form, so policy and application could read different resources.

    Spec: RFC 3986 §6.2.2
    """

    code = "ambiguous-uri"
    public = "The URI is not in normal form."
    hint = "Send the normalized URI that the error message shows."


class HeaderMismatch(Malformed):
    """The headers contradict the body, or a required one is missing."""

    code = "header-mismatch"
    jsonrpc_code = HEADER_MISMATCH
    public = "Header mismatch."
    hint = "Send the same values in Mcp-Method, Mcp-Name and MCP-Protocol-Version as in the body."


class UnsupportedVersion(Malformed):
    """The server does not support the protocol version of the request."""

    code = "unsupported-version"
    jsonrpc_code = UNSUPPORTED_VERSION
    public = "Unsupported protocol version"
    hint = "Use one of the versions in error.data.supported."


def unsupported_version(requested: str, id: str | int | None) -> UnsupportedVersion:  # noqa: A002
    """Return the error for a protocol version that the server does not support."""
    return UnsupportedVersion(
        f"version={requested!r}, want one of {MODERN_VERSIONS + LEGACY_VERSIONS}",
        id=id,
        data={"supported": list(MODERN_VERSIONS), "requested": requested},
    )


def jsonrpc_error(
    id: str | int | None,  # noqa: A002
    code: int,
    message: str,
    data: Mapping[str, Any] | None = None,
) -> bytes:
    """
    Return a JSON-RPC error response; without ``id`` if the request's id could not be read.

    Spec: MCP 2026-07-28 basic/index §Error Responses
    """
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    answer: dict[str, Any] = {"jsonrpc": "2.0"}
    if id is not None:
        answer["id"] = id
    answer["error"] = error
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
