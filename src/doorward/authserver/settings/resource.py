"""A protected MCP server that tokens are issued for."""

from collections.abc import Mapping
from dataclasses import dataclass

from doorward.authserver.settings.pasted_key import PastedKey


@dataclass(frozen=True, kw_only=True)
class Resource:
    """
    A protected MCP server that tokens are issued for.

    ```python
    Resource(
        uri="https://mcp.example/mcp",
        scopes={"mcp:read": "See your orders", "orders:refund": "Refund orders"},
        default_scopes=frozenset({"mcp:read"}),
    )
    ```

    ``scopes`` maps each scope to its description on the consent page. A request without a scope
    gets ``default_scopes``; ``None`` means all. With ``pasted_key``, users keep a key of the server here.
    """

    uri: str
    scopes: Mapping[str, str]
    name: str | None = None
    default_scopes: frozenset[str] | None = None
    pasted_key: PastedKey | None = None
