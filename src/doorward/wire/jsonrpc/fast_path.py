"""The request that nearly all requests are, recognised at one look."""

import re
from collections.abc import Mapping
from typing import Any

from doorward.wire.jsonrpc.malformed import MODERN_VERSIONS

VERSION_META = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"

# The member of ``params`` that names what a request is about, for the requests that mirror it in
# their Mcp-Name header: those that do a server's work.
MIRRORED: Mapping[str, str] = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

PARAMS = frozenset({"name", "uri", "arguments", "_meta", "ref", "taskId"})
META = frozenset({VERSION_META, CAPABILITIES_META})
# Members that are no lookalikes and come with nearly every request, so that the usual one is not
# searched letter by letter.
USUAL_PARAMS = PARAMS | {"cursor", "protocolVersion", "capabilities", "clientInfo", "argument"}
USUAL_META = META | {"io.modelcontextprotocol/clientInfo", "progressToken", "traceparent"}

# Beyond 2**53 a JavaScript client reads another number than it sent.
LARGEST_ID = 2**53 - 1

_REQUEST = frozenset({"jsonrpc", "id", "method", "params"})
_METHODS = {method: method.encode() for method in MIRRORED}
_VERSIONS: dict[bytes | None, str] = {version.encode(): version for version in MODERN_VERSIONS}
# A name that stands for itself in a header: nothing is stripped from it and nothing decoded.
_PLAIN = re.compile(r"[!-<>-~][!-~]*")


# What a usual request says, in the body and in its headers alike: id, method, params, name, version.
Usual = tuple[int, str, dict[str, Any], str, str]


def read_usual(message: dict[str, Any], headers: Mapping[bytes, bytes]) -> Usual | None:
    """
    Return what a request says that is as nearly all are; ``None`` for every other message.

    Only admits, and only what the careful way of ``envelope`` reads as the same. That one refuses,
    and says why. ``headers`` came once each.
    """
    if message.keys() != _REQUEST or message["jsonrpc"] != "2.0":
        return None
    request_id, method, params = message["id"], message["method"], message["params"]
    if type(request_id) is not int or not 0 <= request_id <= LARGEST_ID:
        return None
    if type(method) is not str or type(params) is not dict or method not in _METHODS:
        return None
    name = params.get(MIRRORED[method])
    if type(name) is not str or not _PLAIN.fullmatch(name):
        return None
    # On bytes: what is equal byte for byte can be read in no second way.
    said = headers.get(b"mcp-method"), headers.get(b"mcp-name")
    if said != (_METHODS[method], name.encode()) or not USUAL_PARAMS.issuperset(params):
        return None
    meta = params.get("_meta")
    if type(meta) is not dict or type(meta.get(CAPABILITIES_META)) is not dict:
        return None
    version = _VERSIONS.get(headers.get(b"mcp-protocol-version"))
    if version is None or meta.get(VERSION_META) != version or not USUAL_META.issuperset(meta):
        return None
    return request_id, method, params, name, version
