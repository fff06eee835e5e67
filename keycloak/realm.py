"""The realm as data, with the settings of this machine put in."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "mcp-realm.json"
NAME = "mcp-realm"
RESOURCE = "http://localhost:9000/mcp"

_AUDIENCE = "included.custom.audience"


def render(resource: str = RESOURCE) -> str:
    """Return the realm file for an MCP server at ``resource``, which tokens name as ``aud``."""
    realm = json.loads(FILE.read_text(encoding="utf-8"))
    for mapper in _audience_mappers(realm):
        mapper["config"][_AUDIENCE] = resource
    return json.dumps(realm, indent=2, ensure_ascii=False) + "\n"


def _audience_mappers(realm: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        mapper
        for scope in realm["clientScopes"]
        for mapper in scope.get("protocolMappers", ())
        if _AUDIENCE in mapper["config"]
    ]
