"""The realm as data, with the settings of this machine put in."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "mcp-realm.json"
NAME = "mcp-realm"
RESOURCE = "http://localhost:9000/mcp"

ADMINISTRATOR = "mcp-admin"

_PATTERN = "mcp:read"
_AUDIENCE = "included.custom.audience"


@dataclass(frozen=True)
class McpServer:
    """
    The MCP server that the realm is for: its address, and what it asks for beside the tutorial's.

    Everybody gets the first of ``scopes``, and everybody but guests the others. Administrators have
    ``roles``.
    """

    resource: str = RESOURCE
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def render(server: McpServer) -> str:
    """Return the realm file for an MCP server, whose address tokens name as ``aud``."""
    realm = json.loads(FILE.read_text(encoding="utf-8"))
    _add_roles(realm, server.roles)
    for scope in server.scopes:
        _add_scope(realm, scope, server)
    for mapper in _audience_mappers(realm):
        mapper["config"][_AUDIENCE] = server.resource
    return json.dumps(realm, indent=2, ensure_ascii=False) + "\n"


def _add_roles(realm: dict[str, Any], roles: tuple[str, ...]) -> None:
    realm["roles"]["realm"] += [{"name": role} for role in roles]
    (admin,) = [user for user in realm["users"] if user["username"] == ADMINISTRATOR]
    admin["realmRoles"] += roles


def _add_scope(realm: dict[str, Any], name: str, server: McpServer) -> None:
    """Add a client scope that is like the tutorial's, and that the same clients may request."""
    (pattern,) = [scope for scope in realm["clientScopes"] if scope["name"] == _PATTERN]
    scope = {**deepcopy(pattern), "name": name, "description": name}
    scope["attributes"]["consent.screen.text"] = name
    realm["clientScopes"].append(scope)
    # Users need one of these roles for the scope, and no other roles get into their tokens.
    guests = {"guest"} if name == server.scopes[0] else set()
    roles = sorted({"admin", "user", "service", *server.roles} | guests)
    realm["scopeMappings"].append({"clientScope": name, "roles": roles})
    for listed in _lists_of_scopes(realm):
        listed.append(name)


def _lists_of_scopes(realm: dict[str, Any]) -> Iterator[list[str]]:
    """Return the lists of the scopes that clients may request."""
    yield realm["defaultOptionalClientScopes"]
    for client in realm["clients"]:
        if _PATTERN in client.get("optionalClientScopes", ()):
            yield client["optionalClientScopes"]
    for policies in realm["components"].values():
        for policy in policies:
            if "allowed-client-scopes" in policy["config"]:
                yield policy["config"]["allowed-client-scopes"]


def _audience_mappers(realm: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        mapper
        for scope in realm["clientScopes"]
        for mapper in scope.get("protocolMappers", ())
        if _AUDIENCE in mapper["config"]
    ]
