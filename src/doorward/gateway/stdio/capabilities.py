"""What a process offers, as far as this gateway passes it on."""

from collections.abc import Mapping
from typing import Any

from doorward.wire.jsonrpc.protocol_refusal import UnknownMethod

# The capabilities that are passed on, and the methods of each. Not tasks: their ids are not of one
# user, and not of one process.
METHODS: Mapping[str, tuple[str, ...]] = {
    "tools": ("tools/list", "tools/call"),
    "prompts": ("prompts/list", "prompts/get"),
    "resources": ("resources/list", "resources/templates/list", "resources/read"),
    "completions": ("completion/complete",),
}


def offered(initialized: Mapping[str, Any]) -> dict[str, Any]:
    """Return the capabilities of the process that clients see."""
    capabilities = initialized["capabilities"]
    return {
        name: capabilities[name]
        for name in (*METHODS, "logging")
        if isinstance(capabilities.get(name), dict)
    }


def require_offered(initialized: Mapping[str, Any], method: str) -> None:
    """Return if the process has ``method``. Raises: UnknownMethod."""
    if not any(method in METHODS.get(name, ()) for name in offered(initialized)):
        raise UnknownMethod(f"Method not found: {method}")


def has_subscriptions(initialized: Mapping[str, Any]) -> bool:
    """Say whether clients can subscribe to resources of the process."""
    return offered(initialized).get("resources", {}).get("subscribe") is True


def instructions(initialized: Mapping[str, Any]) -> dict[str, str]:
    """Return the member ``instructions`` of the handshake, if the process has any."""
    found = initialized.get("instructions")
    return {"instructions": found} if isinstance(found, str) else {}


def server_info(initialized: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name and version of the process's server."""
    found = initialized.get("serverInfo")
    return found if isinstance(found, dict) else {"name": "unknown", "version": "0"}
