"""The parser for the JSON-RPC message of an MCP request; it refuses every ambiguity.

The policy and the server that runs the request must read the same message. Anything that another
parser could read differently is refused before the policy decides.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from doorward.wire.jsonrpc.fast_path import (
    CAPABILITIES_META,
    KNOWN_META,
    KNOWN_PARAMS,
    LARGEST_ID,
    META,
    MIRRORED,
    PARAMS,
    VERSION_META,
    read_common_request,
)
from doorward.wire.jsonrpc.malformed import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LEGACY_VERSIONS,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    HeaderMismatch,
    Malformed,
    MalformedParams,
    NotJson,
    UnsupportedVersion,
    jsonrpc_error,
    unsupported_version,
)
from doorward.wire.jsonrpc.routing_headers import Routing, decode_name, read_routing, routing_among
from doorward.wire.strict_json import NotStrictJson, parse

__all__ = [
    "CAPABILITIES_META",
    "HEADER_MISMATCH",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "LEGACY_VERSIONS",
    "METHOD_NOT_FOUND",
    "MIRRORED",
    "MODERN_VERSIONS",
    "NAMED",
    "PARSE_ERROR",
    "SCOPE_KEY",
    "UNSUPPORTED_VERSION",
    "VERSION_META",
    "Envelope",
    "HeaderMismatch",
    "Malformed",
    "MalformedParams",
    "NotJson",
    "UnsupportedVersion",
    "jsonrpc_error",
    "read_envelope",
    "unsupported_version",
]

# The key in the ASGI scope under which the guard stores the envelope, to avoid parsing twice.
SCOPE_KEY = "doorward.envelope"

# The member of ``params`` that names the target of a request, with those of the tasks extension.
NAMED: Mapping[str, str] = {
    **MIRRORED,
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
    "tasks/get": "taskId",
    "tasks/result": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}

# The member that names the target of a ``completion/complete`` reference, by type.
_REFERRED: Mapping[str, str] = {"ref/prompt": "name", "ref/resource": "uri"}

_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_FOLDED_PARAMS = {member.casefold(): member for member in PARAMS}
_FOLDED_META = {member.casefold(): member for member in META}

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Headers = Iterable[tuple[bytes, bytes]] | dict[bytes, bytes]


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """
    A JSON-RPC message, parsed once for all readers.

    ``method`` is empty if the client posted a response. ``name`` is the tool, prompt, resource or task
    that the message targets. ``protocol_version`` comes from the request's own ``_meta``; it is
    ``None`` in protocol revisions with ``initialize``. ``accept`` is the Accept header, if
    ``read_envelope`` got the headers by name.
    """

    method: str
    id: str | int | None
    is_notification: bool
    params: dict[str, Any]
    name: str | None
    protocol_version: str | None
    body: bytes
    accept: bytes | None = None

    @property
    def is_response(self) -> bool:
        """Return whether it answers a server's request (protocol revisions with ``initialize`` only)."""
        return not self.method


def read_envelope(body: bytes, headers: Headers) -> Envelope:
    """
    Return the message in ``body`` if the headers agree with it.

    ``headers`` are ASGI headers with lower-case names, or a dict if each came once. Does not check
    whether the method exists or who may call it.

    Raises:
        Malformed: with the JSON-RPC code for the client; the status is always 400.

    Spec: MCP 2026-07-28 basic/index §Requests; basic/transports/streamable-http §Server Validation
    """
    try:
        message = parse(body)
    except NotStrictJson as error:
        raise NotJson(str(error)) from None
    if type(message) is dict and type(headers) is dict:
        common = read_common_request(message, headers)
        if common is not None:
            request_id, method, params, name, version = common
            accept = headers.get(b"accept")
            return Envelope(method, request_id, False, params, name, version, body, accept)
    return _read_any(_message(message), headers, body)


def _read_any(message: dict[str, Any], headers: Headers, body: bytes) -> Envelope:
    """Return what ``read_envelope`` returns, for any message; a refusal has its reason."""
    request_id = _id(message)
    if "method" not in message:
        return _response(message, request_id, headers, body)
    method = message["method"]
    if type(method) is not str or not method or not method.isprintable():
        raise Malformed("method is not a plain string", id=request_id)
    if "result" in message or "error" in message:
        raise Malformed("both a request and a response", id=request_id)
    params = _params(message, request_id)
    name = _name(method, params, request_id)
    routing = _plain(headers, request_id)
    is_notification = "id" not in message
    version = _version(params, routing, request_id, required=not is_notification)
    _require_matching_headers(
        method, name, routing, request_id, required=version is not None and not is_notification
    )
    if version is not None and version not in MODERN_VERSIONS:
        raise unsupported_version(version, request_id)
    return Envelope(method, request_id, is_notification, params, name, version, body)


def _message(message: Any) -> dict[str, Any]:
    if type(message) is list:
        raise Malformed(
            "a batch", description="Batches are not accepted: send one message per request."
        )
    if type(message) is not dict:
        raise Malformed(f"a {type(message).__name__} where a message should be")
    if not _MEMBERS.issuperset(message):
        # Go's decoder reads "Method" as "method" and keeps the last of the two.
        for member in message:
            if member not in _MEMBERS and member.casefold() in _MEMBERS:
                raise Malformed(f"member {member!r} is read as {member.casefold()!r} by others")
    if message.get("jsonrpc") != "2.0":
        raise Malformed("jsonrpc is not '2.0'")
    return message


def _id(message: dict[str, Any]) -> str | int | None:
    if "id" not in message:
        return None
    value = message["id"]
    if type(value) is str or (type(value) is int and -LARGEST_ID <= value <= LARGEST_ID):
        return value
    if value is None and "error" in message and "method" not in message:
        return None
    raise Malformed("id is neither a string nor an integer that every parser reads alike")


def _response(
    message: dict[str, Any],
    request_id: str | int | None,
    headers: Headers,
    body: bytes,
) -> Envelope:
    if ("result" in message) == ("error" in message) or "id" not in message or "params" in message:
        raise Malformed("neither a request, a notification nor a response", id=request_id)
    version = _plain(headers, request_id).version
    if version is not None and version not in LEGACY_VERSIONS:
        if version in MODERN_VERSIONS:
            raise Malformed("a response, which clients may not send in this protocol revision")
        raise unsupported_version(version, None)
    return Envelope("", request_id, False, {}, None, None, body)


def _params(message: dict[str, Any], request_id: str | int | None) -> dict[str, Any]:
    params = message.get("params", {})
    if type(params) is not dict:
        raise Malformed("params is not an object", id=request_id)
    if not KNOWN_PARAMS.issuperset(params):
        _refuse_lookalikes(params, _FOLDED_PARAMS, request_id)
    meta = params.get("_meta", {})
    if type(meta) is not dict:
        raise MalformedParams("_meta is not an object", id=request_id)
    if not KNOWN_META.issuperset(meta):
        _refuse_lookalikes(meta, _FOLDED_META, request_id)
    return params


def _refuse_lookalikes(
    members: dict[str, Any], folded: Mapping[str, str], request_id: str | int | None
) -> None:
    for member in members:
        wanted = folded.get(member.casefold(), member)
        if wanted != member:
            raise MalformedParams(
                f"member {member!r} is read as {wanted!r} by others", id=request_id
            )


def _name(method: str, params: dict[str, Any], request_id: str | int | None) -> str | None:
    holder: Any = params
    member = NAMED.get(method)
    if method == "completion/complete":
        holder = params.get("ref")
        if type(holder) is not dict:
            return None
        member = _referred(holder, request_id)
    if member is None or member not in holder:
        return None
    name = holder[member]
    if type(name) is not str or not (name.isprintable() or not _CONTROL.search(name)):
        raise MalformedParams(f"{member} is not a plain string", id=request_id)
    return name


def _referred(reference: dict[str, Any], request_id: str | int | None) -> str:
    """Return the member that names the target of a reference; with two, readers could differ."""
    _refuse_lookalikes(reference, _FOLDED_PARAMS, request_id)
    kind = reference.get("type")
    member = _REFERRED.get(kind) if type(kind) is str else None
    if member is None or reference.keys() & {"name", "uri"} != {member}:
        raise MalformedParams(
            "ref is to both a prompt and a resource, or to neither",
            description="params.ref must be a ref/prompt with a name, or a ref/resource with a uri.",
            id=request_id,
        )
    return member


def _plain(headers: Headers, request_id: str | int | None) -> Routing:
    routing = routing_among(headers) if isinstance(headers, dict) else read_routing(headers)
    if routing.problem is not None:
        raise HeaderMismatch(
            routing.problem, description=f"Header mismatch: {routing.problem}.", id=request_id
        )
    return routing


def _version(
    params: dict[str, Any], routing: Routing, request_id: str | int | None, *, required: bool
) -> str | None:
    """Return the version since 2026-07-28, or ``None`` for protocol revisions with ``initialize``."""
    meta = params.get("_meta", {})
    said = meta.get(VERSION_META)
    if said is None and routing.version is None:
        return None
    if said is None and routing.version in LEGACY_VERSIONS:
        return None
    if required or said is not None:
        if said is None and routing.version not in MODERN_VERSIONS:
            raise unsupported_version(str(routing.version), request_id)
        _require_meta(meta, request_id)
        if routing.version != said:
            raise HeaderMismatch(
                f"MCP-Protocol-Version={routing.version!r}, body says {said!r}",
                description="Header mismatch: MCP-Protocol-Version is not the version in _meta.",
                id=request_id,
            )
        # The header and the body agree on an older version, so the older rules apply.
        return None if said in LEGACY_VERSIONS else said
    return routing.version


def _require_meta(meta: dict[str, Any], request_id: str | int | None) -> None:
    if type(meta.get(VERSION_META)) is not str:
        raise MalformedParams(
            "no protocolVersion", description=f"params._meta lacks {VERSION_META}.", id=request_id
        )
    if type(meta.get(CAPABILITIES_META)) is not dict:
        raise MalformedParams(
            "no clientCapabilities",
            description=f"params._meta lacks {CAPABILITIES_META}.",
            id=request_id,
        )


def _require_matching_headers(
    method: str,
    name: str | None,
    routing: Routing,
    request_id: str | int | None,
    *,
    required: bool,
) -> None:
    """Refuse headers that contradict the body, or that are required and missing."""
    if routing.method != method and (required or routing.method is not None):
        raise HeaderMismatch(
            f"Mcp-Method={routing.method!r}, body says {method!r}",
            description="Header mismatch: Mcp-Method is not the body's method.",
            id=request_id,
        )
    if required and name is None and method in MIRRORED:
        raise MalformedParams(f"{MIRRORED[method]} is absent", id=request_id)
    if routing.name is None and not (required and method in MIRRORED):
        return
    said = None if routing.name is None else decode_name(routing.name)
    if said is None or said != name:
        raise HeaderMismatch(
            f"Mcp-Name={routing.name!r}, body says {name!r}",
            description="Header mismatch: Mcp-Name is not what the body names.",
            id=request_id,
        )
