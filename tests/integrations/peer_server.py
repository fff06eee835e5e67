"""Runs a peer's own conformance server: ``python -m tests.integrations.peer_server NAME PORT [JWKS]``.

With a key set it stands behind the guard, by the line that a user writes; without, as it is.
"""

import importlib.util
import json
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from fastmcp.server.extensions import ServerExtension

from doorward.guard import Guard
from doorward.policy import Policy, Rule
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.e2e.peer_sources import source_of

ISSUER = "https://issuer.example"
SERVERS = {
    "mcp": "examples/servers/everything-server/mcp_everything_server/server.py",
    "fastmcp": "tests/conformance/server.py",
}


def _without_tasks() -> ModuleType:
    """Return what stands for FastMCP's tasks where no release of them fits: an extension of no use."""

    class TasksExtension(ServerExtension):
        identifier = "io.modelcontextprotocol/tasks"

        def __init__(self, **settings: str) -> None:
            """Take the settings of the real one."""

        def settings(self) -> dict[str, Any]:
            """Return what is declared of it."""
            return {}

    module = ModuleType("fastmcp_tasks")
    module.TasksExtension = TasksExtension  # type: ignore[attr-defined]
    return module


def _loaded(name: str) -> ModuleType:
    if name == "fastmcp" and importlib.util.find_spec("fastmcp_tasks") is None:
        sys.modules["fastmcp_tasks"] = _without_tasks()
    path = source_of(name) / SERVERS[name]
    spec = importlib.util.spec_from_file_location(f"peer_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def guard_of(resource: str, key_set: dict[str, Any]) -> Guard:
    """Return a guard that lets a caller with the base scope do everything."""
    keys = LocalKeys(lambda: key_set, clock=time.time)
    issuer = TrustedIssuer(issuer=ISSUER, audience=resource, algorithms=("ES256",), keys=keys)
    return Guard(
        resource=resource,
        policy=Policy(base=Rule(scopes={"mcp:read"}), unknown="base"),
        issuers=[issuer],
        audit=lambda event: None,
    )


def _application(name: str, guard: Guard | None) -> Any:
    """Return the peer's server as its own entry point makes it, or the same behind the guard."""
    module = _loaded(name)
    if name == "mcp":
        from doorward.integrations.mcp_sdk import protect as protect_sdk

        options = {"event_store": module.event_store, "retry_interval": 100}
        if guard is None:
            return module.mcp.streamable_http_app(**options)
        return protect_sdk(module.mcp, guard, **options)
    if guard is None:
        return module.build_app()
    from doorward.integrations.fastmcp import GuardAuth

    module.server.auth = GuardAuth(guard)
    return module.build_app()


def main(name: str, port: str, key_set: str = "") -> None:
    """Serve until told to stop."""
    warnings.simplefilter("ignore")
    resource = f"http://localhost:{port}/mcp"
    guard = guard_of(resource, json.loads(Path(key_set).read_text())) if key_set else None
    # h11 drops the white space round a header's value, as HTTP has it; httptools leaves it there,
    # and neither server would pass the scenario that sends some.
    uvicorn.run(
        _application(name, guard), host="127.0.0.1", port=int(port), http="h11", log_level="error"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
