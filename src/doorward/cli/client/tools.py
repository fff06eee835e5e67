"""``doorward tools``: the tools that you may call."""

from typing import Any

from doorward.cli.client.stored_token import token_store_of
from doorward.cli.client.tool_arguments import types_of
from doorward.cli.options import Account, AsJson, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.connection import open_connection

EPILOG = examples(
    "doorward tools https://mcp.example/mcp",
    "doorward tools https://mcp.example/mcp --json | jq -r '.tools[].name'",
)


def tools(url: ServerUrl, account: Account = None, as_json: AsJson = False) -> None:
    """
    List the tools that you may call.

    Uses the token that "doorward login" stored, and renews it when it has expired.
    """

    output = Output(as_json=as_json)
    run(output, lambda: _tools(output, url, account))


async def _tools(output: Output, url: str, account: str | None) -> None:

    async with open_connection(
        url, token_store=token_store_of(account), interactive=False
    ) as connection:
        found = await connection.client.list_tools()
    if output.as_json:
        output.document({"tools": [dict(tool.document) for tool in found]})
        return
    if not found:
        output.note("No tools: this server has none, or you may call none.")
        return
    rows = [
        (tool.name, _parameters(tool.input_schema), tool.description or tool.title or "")
        for tool in found
    ]
    output.rows(("tool", "parameters", "description"), rows)


def _parameters(schema: Any) -> str:

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
