"""A fast path for the most common requests; ``envelope`` parses all others, and refuses."""

import re
from collections.abc import Mapping
from typing import Any

from doorward.wire.jsonrpc.malformed import MODERN_VERSIONS

VERSION_META = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"

# The member of ``params`` that the Mcp-Name header repeats, by method.
MIRRORED: Mapping[str, str] = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

PARAMS = frozenset({"name", "uri", "arguments", "_meta", "ref", "taskId"})
META = frozenset({VERSION_META, CAPABILITIES_META})
# Members that cannot be mistaken for those above, so they need no comparison.
KNOWN_PARAMS = PARAMS | {"cursor", "protocolVersion", "capabilities", "clientInfo", "argument"}
KNOWN_META = META | {"io.modelcontextprotocol/clientInfo", "progressToken", "traceparent"}

# Above this, JavaScript rounds integers, so a client could read another id than it sent.
LARGEST_ID = 2**53 - 1

_REQUEST = frozenset({"jsonrpc", "id", "method", "params"})
_METHODS = {method: method.encode() for method in MIRRORED}
_VERSIONS: dict[bytes | None, str] = {version.encode(): version for version in MODERN_VERSIONS}
# A name that is identical in a header: neither stripped nor encoded.
_PLAIN = re.compile(r"[!-<>-~][!-~]*")


# Id, method, params, name and version; body and headers agree on them.
CommonRequest = tuple[int, str, dict[str, Any], str, str]


def read_common_request(
    message: dict[str, Any], headers: Mapping[bytes, bytes]
) -> CommonRequest | None:
    """
    Return the parts of a common request; ``None`` for every other message.

    Never refuses. Accepts only messages for which ``envelope`` gives the same result; a test compares
    both. Each of ``headers`` came once.
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
    # Bytes: equal bytes have no second reading.
    routing = headers.get(b"mcp-method"), headers.get(b"mcp-name")
    if routing != (_METHODS[method], name.encode()) or not KNOWN_PARAMS.issuperset(params):
        return None
    meta = params.get("_meta")
    if type(meta) is not dict or type(meta.get(CAPABILITIES_META)) is not dict:
        return None
    version = _VERSIONS.get(headers.get(b"mcp-protocol-version"))
    if version is None or meta.get(VERSION_META) != version or not KNOWN_META.issuperset(meta):
        return None
    return request_id, method, params, name, version
