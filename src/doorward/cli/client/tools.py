"""``doorward tools``: what an MCP server offers you."""

from typing import Any

from doorward.cli.options import Account, AsJson, ServerUrl, examples

EPILOG = examples(
    "doorward tools https://mcp.example/mcp",
    "doorward tools https://mcp.example/mcp --json | jq -r '.tools[].name'",
)


def tools(url: ServerUrl, account: Account = None, as_json: AsJson = False) -> None:
    """
    List the tools of an MCP server, as far as you may use them.

    Uses the token that "doorward login" kept, and renews it when it is over.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    run(output, lambda: _tools(output, url, account))


async def _tools(output: Any, url: str, account: str | None) -> None:
    from doorward.cli.client.stored import token_store_of
    from doorward.client.connection import open_connection

    async with open_connection(
        url, token_store=token_store_of(account), interactive=False
    ) as connection:
        found = await connection.client.list_tools()
    if output.as_json:
        output.document({"tools": [dict(tool.document) for tool in found]})
        return
    if not found:
        output.note("This server offers you no tools.")
        return
    rows = [
        (tool.name, _parameters(tool.input_schema), tool.description or tool.title or "")
        for tool in found
    ]
    output.rows(("tool", "parameters", "what it does"), rows)


def _parameters(schema: Any) -> str:
    from doorward.cli.client.tool_arguments import types_of

    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict):
        return ""
    if not isinstance(required, list):
        required = []
    return " ".join(
        f"{name}={_kind(types_of(part))}"
        if name in required
        else f"[{name}={_kind(types_of(part))}]"
        for name, part in properties.items()
    )


def _kind(types: frozenset[str]) -> str:
    return "|".join(sorted(types - {"null"})) or "any"
