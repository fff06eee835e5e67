"""``doorward call``: call one tool."""

import json
from collections.abc import Collection
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from doorward.cli.client.service_options import (
    AsService,
    ClientId,
    Issuer,
    KeyFile,
    SecretFile,
    ServiceOptions,
)
from doorward.cli.client.stored_token import token_store_of
from doorward.cli.client.tool_arguments import parse_arguments
from doorward.cli.client.url_elicitation import UrlElicitation
from doorward.cli.options import Account, AsJson, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import plain
from doorward.cli.problems import ToolProblem, UsageProblem
from doorward.cli.running import run
from doorward.client.connection import open_connection
from doorward.client.refusals import CallFailed
from doorward.wire.jsonrpc.envelope import INVALID_PARAMS
from doorward.wire.shell_command import shell_command

EPILOG = examples(
    "doorward call https://mcp.example/mcp add a=2 b=3",
    'doorward call https://mcp.example/mcp search words:=\'["one", "two"]\'',
    "doorward call https://mcp.example/mcp get_time --json",
    "doorward call https://mcp.example/mcp get_time --service --client-id nightly --issuer https://login.example --client-key key.pem",
)


def call(
    url: ServerUrl,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The tool's name.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE",
            help="An argument, converted to the type in the tool's schema; or NAME:=JSON.",
        ),
    ] = None,
    service: AsService = False,
    client_id: ClientId = None,
    issuer: Issuer = None,
    client_secret_file: SecretFile = None,
    client_key: KeyFile = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """
    Call a tool and print its result.

    Uses the token that "doorward login" stored, and renews it when it has expired. With "--service",
    it needs no "doorward login": the secret is in $DOORWARD_CLIENT_SECRET, "--client-secret-file" or
    "--client-key".
    """

    output = Output(as_json=as_json)
    who = ServiceOptions(service, client_id, issuer, client_secret_file, client_key)
    run(output, lambda: _call(output, url, (tool, arguments or []), who, account))


async def _call(
    output: Output, url: str, asked: tuple[str, list[str]], who: ServiceOptions, account: str | None
) -> None:

    name, words = asked
    token_store = token_store_of(who.account(account))
    options = who.options(token_store)
    async with open_connection(
        url,
        token_store=token_store,
        interactive=False,
        elicit=UrlElicitation(output, url),
        modes=("url",),
        **options,
    ) as connection:
        listed = {tool.name: tool for tool in await connection.client.list_tools()}
        # A tool that is not listed may be one that this user may not see: let the server refuse it.
        schema = listed[name].input_schema if name in listed else {}
        arguments = parse_arguments(words, schema)
        try:
            result = await connection.client.call_tool(name, arguments)
        except CallFailed as refusal:
            if refusal.number != INVALID_PARAMS:
                raise
            tools = shell_command("doorward", "tools", url, *_as_account(token_store.account))
            raise _invalid(name, listed, refusal, tools) from None
    if output.as_json:
        output.document(dict(result.document))
    if result.is_error:
        raise ToolProblem(name, result.text or "no reason given")
    if not output.as_json:
        _print(output, result)


def _as_account(account: str | None) -> tuple[str, ...]:
    return () if account is None else ("--account", account)


def _invalid(name: str, listed: Collection[str], refusal: CallFailed, tools: str) -> UsageProblem:
    """Return the error for a name or arguments that the server does not take."""
    if name in listed:
        return UsageProblem(
            "invalid-arguments",
            f"The server does not take these arguments of {name}: {refusal.message.rstrip('.')}.",
            f"To see the parameters, run: {tools}",
        )
    near = get_close_matches(name, listed, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return UsageProblem(
        "unknown-tool",
        f"The server has no tool {name!r} for this account.",
        f"{meant}To see all tools, run: {tools}",
    )


def _print(output: Output, result: Any) -> None:

    for part in result.content:
        if part.get("type") == "text":
            output.text(plain(str(part.get("text", ""))))
        else:
            output.note(f"({part.get('type')} content; use --json to see it)")
    if not result.content and result.structured is not None:
        output.text(plain(json.dumps(result.structured, ensure_ascii=False, indent=2)))
