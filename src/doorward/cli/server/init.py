"""``doorward init``: writes a configuration file from five answers."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from doorward import idp
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import line
from doorward.cli.problems import UsageProblem
from doorward.cli.running import fail
from doorward.config.init import (
    OWN_USERS,
    Answers,
    allow_of,
    plan,
    require_new,
    require_provider,
    require_upstream,
)
from doorward.errors import ConfigurationError, DoorwardError
from doorward.wire.address import require_issuer, require_resource

EPILOG = examples(
    "doorward init",
    "doorward init --provider google --public-url https://mcp.example.com \\\n"
    "  --allow example.com --upstream http://127.0.0.1:9000/mcp",
)


@dataclass(frozen=True)
class _Question:
    option: str
    text: str
    default: str | None = None


_PROVIDER = _Question("--provider", "Where do users sign in? A kind of provider, an issuer, or own")
_ISSUER = _Question("--issuer", "The provider's issuer")
_PUBLIC = _Question("--public-url", "Public URL, such as https://mcp.example.com")
_ALLOW = _Question("--allow", "Who may enter? Domains, e-mails, group:NAME, org:NAME or everyone")
_UPSTREAM = _Question("--upstream", "URL of the MCP server; empty if it is protected elsewhere", "")
_DATA = _Question("--data", "Where to keep data: a file or a database URL", "doorward.db")


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path(
        "doorward.toml"
    ),
    provider: Annotated[
        str | None,
        typer.Option(help="A kind of doorward idp table, an issuer, or own.", metavar="NAME"),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(help="The issuer, if the kind has one per customer.", metavar="URL"),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where clients reach this service.", metavar="URL")
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(help="Domains, e-mails, group:NAME, org:NAME, or everyone.", metavar="WHO"),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Where the MCP server listens.", metavar="URL")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A file or a database URL.", metavar="WHERE")
    ] = None,
    client_id: Annotated[
        str, typer.Option(help="The client id at the provider, if you have it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Write a configuration file from five answers.

    Asks for each answer that no option gives. Prints what to do at the
    provider, with the redirect URI. Never overwrites a file.
    """

    output = Output(as_json=as_json)
    try:
        # Before the questions: nobody answers six of them for nothing.
        require_new(file)
        ask = _asker(output)
        chosen = ask(_PROVIDER, provider, lambda text: require_provider(text, file))
        if issuer is None and _needs_issuer(chosen):
            issuer = ask(_ISSUER, issuer, require_issuer)
        answers = Answers(
            provider=chosen,
            public_url=ask(_PUBLIC, public_url, lambda text: require_resource(text.rstrip("/"))),
            allow="" if chosen == OWN_USERS else ask(_ALLOW, allow, allow_of),
            upstream=ask(_UPSTREAM, upstream, require_upstream),
            data=ask(_DATA, data),
            issuer=issuer,
            client_id=client_id,
        )
        made = plan(answers, file)
        made.write()
    except DoorwardError as error:
        fail(output, error)
        return
    if as_json:
        written = [str(path) for path, _ in made.files]
        output.document({"files": written, "steps": list(made.steps)})
        return
    for path, _ in made.files:
        output.step("wrote", str(path))
    for number, step in enumerate(made.steps, 1):
        output.text(f"{number}. {line(step, None)}")


def _needs_issuer(provider: str) -> bool:
    if provider == OWN_USERS or "://" in provider:
        return False
    return idp.find(provider).customer_address is not None


def _asker(output: Output) -> Callable[..., str]:
    """Return a function that takes the option's answer, else asks a person, else the default."""
    is_person = sys.stdin.isatty() and not output.as_json

    def ask(
        question: _Question, given: str | None, check: Callable[[str], object] | None = None
    ) -> str:
        if given is not None:
            return given
        if is_person:
            return _prompt(output, question, check)
        if question.default is not None:
            return question.default
        raise UsageProblem(
            "missing-answer",
            f"{question.option} is not given, and nobody can be asked.",
            f"Add {question.option}, or run doorward init in a terminal.",
        )

    return ask


def _prompt(output: Output, question: _Question, check: Callable[[str], object] | None) -> str:
    """Ask until the answer can be used."""
    while True:
        answer = str(typer.prompt(question.text, default=question.default, err=True)).strip()
        try:
            if check is not None:
                check(answer)
        except ConfigurationError as error:
            if error.reason == "file-exists":
                raise
            output.problem(error.problem, error.hint, error.reason)
        else:
            return answer
