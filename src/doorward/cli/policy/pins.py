"""``doorward pins``: the accepted tools of the MCP servers behind ``doorward serve``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import line
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run

EPILOG = examples(
    "doorward pins list doorward.toml",
    "doorward pins diff doorward.toml",
    "doorward pins accept doorward.toml --tool refund",
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file.")]
Resource = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The resource of the MCP server, of several."),
]


def list_pins(
    file: File = Path("doorward.toml"), server: Resource = None, as_json: AsJson = False
) -> None:
    """List the accepted tools."""
    output = Output(as_json=as_json)

    async def work() -> None:
        from doorward.gateway.tools.definitions import digest

        settings = _server(file, server)
        pins = settings.accepted_tools.tools
        if as_json:
            output.document({"tools": {name: digest(tool) for name, tool in pins.items()}})
            return
        output.rows(
            ("TOOL", "SHA-256"), [(line(name), digest(tool)) for name, tool in sorted(pins.items())]
        )

    run(output, work)


def diff(
    file: File = Path("doorward.toml"), server: Resource = None, as_json: AsJson = False
) -> None:
    """
    Show how the tools of a server differ from the accepted ones.

    Ends with status 1 if a tool is new, changed or gone.
    """
    output = Output(as_json=as_json)

    async def work() -> None:
        settings = _server(file, server)
        changes = list(settings.accepted_tools.changes(await _tools(settings)))
        if as_json:
            output.document({"changes": [asdict(one) for one in changes]})
        else:
            for one in changes:
                output.text(f"{one.what} {line(one.name)}")
                for changed in one.lines:
                    # JSON in ASCII: it has no control characters, and its indentation is kept.
                    output.text(f"    {changed}")
            output.note(f"{len(changes)} tools differ from those in {settings.tool_pins}")
        if changes:
            raise typer.Exit(ExitCode.REFUSED)

    run(output, work)


def accept(
    file: File = Path("doorward.toml"),
    server: Resource = None,
    tool: Annotated[
        list[str] | None, typer.Option(help="Accept this tool alone; give one option for each.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Accept the tools of a server as they are now.

    Review the differences first, with "doorward pins diff". A running "doorward serve" reads the
    file again on SIGHUP.
    """
    output = Output(as_json=as_json)

    async def work() -> None:
        from doorward.gateway.tools.pins import write_pins

        settings = _server(file, server)
        found = await _tools(settings)
        before = settings.accepted_tools
        changes = [one for one in before.changes(found) if tool is None or one.name in tool]
        if unknown := sorted(set(tool or ()) - set(found) - set(before.tools)):
            raise UsageProblem(
                "no-such-tool",
                f"The server has no tool {unknown[0]!r}.",
                f"Its tools are: {', '.join(sorted(found)) or 'none'}.",
            )
        names = {one.name for one in changes}
        kept = {name: one for name, one in before.tools.items() if name not in names}
        accepted = kept | {name: found[name] for name in names if name in found}
        write_pins(settings.tool_pins, accepted)
        if as_json:
            output.document({"accepted": sorted(names), "file": str(settings.tool_pins)})
            return
        output.text(
            f"accepted {len(changes)} changes; {settings.tool_pins} has {len(accepted)} tools"
        )

    run(output, work)


def _server(file: Path, resource: str | None) -> Any:
    from doorward.config import load

    servers = [
        one
        for one in load(file).mcp_servers
        if one.tool_pins is not None and resource in (None, one.resource)
    ]
    if len(servers) != 1:
        raise UsageProblem(
            "which-server",
            f"{file} has {len(servers)} MCP servers with tool_pins.",
            'Set tool_pins = "tools.json" for the server, or name one of several with --server.',
        )
    return servers[0]


async def _tools(settings: Any) -> dict[str, Any]:
    """Return the tools of the server that clients may see, by name."""
    from doorward.config.checks import mcp_check, stdio_check
    from doorward.gateway.stdio.refusals import StdioServerRefusal
    from doorward.gateway.tools.definitions import unusable
    from doorward.net import Fetcher, FetchFailed
    from doorward.net.http.url import read_target

    try:
        if settings.stdio is not None:
            found: Any = await stdio_check.list_tools(settings.stdio)
        else:
            host = read_target(settings.upstream).host_port
            fetcher = Fetcher(allow_private_hosts=frozenset({host}))
            found = await mcp_check.list_tools(settings, fetcher)
    except (FetchFailed, StdioServerRefusal, TimeoutError) as error:
        why = getattr(error, "detail", None) or "it does not answer in time"
        raise UsageProblem(
            "tools-not-listed", f"The MCP server cannot be asked: {why}.", "Start the server."
        ) from None
    if found is None:
        raise UsageProblem(
            "tools-not-listed",
            "The MCP server does not list its tools without a caller.",
            "Set a secret in upstream_credentials, or run: doorward check.",
        )
    if problems := unusable(found):
        name, why = min(problems.items())
        raise UsageProblem(
            "unusable-tool",
            f"No client may see the tool {name!r} ({why}).",
            "Correct the server: names are unique, schemas are small and refer to nothing outside.",
        )
    return {one["name"]: one for one in found}
