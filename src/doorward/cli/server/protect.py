"""``doorward protect``: puts a sign-in in front of one MCP server, and serves it at once."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import line
from doorward.cli.running import fail
from doorward.cli.server.serve import serve
from doorward.config.init import OWN_USERS, Answers, Plan, plan
from doorward.config.reading.tables import read_secret
from doorward.errors import ConfigurationError, DoorwardError
from doorward.wire.shell_command import shell_command

EPILOG = examples(
    "doorward protect http://127.0.0.1:3000/mcp --sign-in google --client-id ID \\\n"
    "  --client-secret-file google.txt --public-url https://mcp.example.com --allow example.com",
    'doorward protect --command "uvx mcp-server-time" --public-url http://localhost:8000',
)


def protect(
    upstream: Annotated[
        str, typer.Argument(metavar="URL", help="Where the MCP server listens.")
    ] = "",
    command: Annotated[
        str,
        typer.Option(help="Or the command of a server that speaks stdio.", metavar="COMMAND"),
    ] = "",
    sign_in: Annotated[
        str, typer.Option(help="A kind of doorward idp table, an issuer, or own.", metavar="NAME")
    ] = OWN_USERS,
    public_url: Annotated[
        str, typer.Option(help="Where clients reach this service.", metavar="URL")
    ] = "http://localhost:8000",
    allow: Annotated[
        str, typer.Option(help="Domains, e-mails, group:NAME, org:NAME, or everyone.")
    ] = "",
    client_id: Annotated[str, typer.Option(help="The client id at the provider.")] = "",
    client_secret_file: Annotated[
        Path | None, typer.Option(help="The file with the client secret, with mode 0600.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(help="The issuer, if the kind has one per customer.")
    ] = None,
    listen: Annotated[str, typer.Option(help="The host and the port.")] = "127.0.0.1:8000",
    file: Annotated[
        Path, typer.Option(metavar="FILE", help="The configuration file to write.")
    ] = Path("doorward.toml"),
    as_json: AsJson = False,
) -> None:
    """
    Protect one MCP server with a sign-in, and serve it at once.

    Writes a configuration file, as doorward init does, and serves it. The
    same command serves the same file again; change the file as you like,
    and go on with doorward serve.
    """

    output = Output(as_json=as_json)
    try:
        answers = Answers(
            provider=sign_in,
            public_url=public_url,
            allow=allow,
            upstream=upstream,
            command=_words(command),
            issuer=issuer,
            client_id=client_id,
            listen=listen,
        )
        made = _with_secret(plan(answers, file), client_secret_file)
        _require_one_server(answers)
        if _is_new(made, file):
            made.write()
            for path, _ in made.files:
                output.step("wrote", str(path))
            for step in made.steps:
                # Testing and serving it is what this command does.
                if not step.startswith("Run: "):
                    output.note(line(step, None))
    except DoorwardError as error:
        fail(output, error)
        return
    serve(file, as_json)


def _words(command: str) -> tuple[str, ...]:
    """Return the words of a command line, as a shell would split them; no shell reads it."""
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise ConfigurationError(
            "stdio-command",
            f"The command cannot be split into words: {error}.",
            "Close each quote.",
        ) from None


def _require_one_server(answers: Answers) -> None:
    if bool(answers.upstream) == bool(answers.command):
        raise ConfigurationError(
            "where-is-the-server",
            "An MCP server has either a URL or a command.",
            "Run: doorward protect URL, or doorward protect --command COMMAND.",
        )


def _with_secret(made: Plan, path: Path | None) -> Plan:
    """Return the plan with the client secret in its file."""
    if path is None:
        return made
    secret = read_secret(path, "--client-secret-file")
    files = tuple(
        (name, f"{secret}\n" if name.suffix == ".secret" and not content else content)
        for name, content in made.files
    )
    return Plan(files, made.steps)


def _is_new(made: Plan, file: Path) -> bool:
    """Return whether the file must be written; one of another content is never overwritten."""
    if not file.exists():
        return True
    if file.read_text(encoding="utf-8") == dict(made.files)[file]:
        return False
    raise ConfigurationError(
        "file-exists",
        f"{file} exists, and says something else than these options.",
        f"Run: {shell_command('doorward', 'serve', str(file))}, or give another --file.",
    )
