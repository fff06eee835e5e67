"""``doorward who-can``: who may do what at a server, from its own rules."""

from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.server.target import Target

EPILOG = examples(
    "doorward who-can shop.main:guard",
    "doorward who-can shop.main:guard --markdown > permissions.md",
    "doorward who-can shop.main:guard --write tests/permissions.json",
    "doorward who-can shop.main:guard --check tests/permissions.json",
)

HEADINGS = ("OPERATION", "ALL OF THESE SCOPES", "A ROLE OF", "KINDS OF CALLER")


def who_can(
    target: Target,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table on stdout.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the permissions to this file, to compare with.", dir_okay=False),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            help="End with status 1 when more people can do more than this file says.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show who may do what: every tool, prompt and resource with what it asks for.

    Imports your module, so it runs the code at its top. A guard shows its base rule too; an
    McpServer alone shows the rules beside its functions. What knows no operation is an error.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import fail
    from doorward.cli.server.target import load
    from doorward.errors import DoorwardError
    from doorward.integrations.effective_policy import deciding
    from doorward.policy.matrix import matrix_of

    output = Output(as_json=as_json)
    try:
        source = deciding(load(target)).policy
        matrix = matrix_of(source)
        if write is not None:
            _write(output, source, write)
            return
        if check is not None:
            _check(output, source, check)
            return
    except DoorwardError as error:
        fail(output, error)
        return
    _print(output, matrix, markdown=markdown)


def _write(output: Any, source: object, path: Path) -> None:
    from doorward.testing.permissions import write_permissions

    write_permissions(source, path)
    output.note(f"wrote {path}")
    if output.as_json:
        output.document({"written": str(path)})


def _check(output: Any, source: object, path: Path) -> None:
    from doorward.testing.permissions import read_changes

    changes = read_changes(source, path)
    wider = [one for one in changes if one.what == "wider"]
    if output.as_json:
        told = [
            {"operation": one.title, "change": one.what, "what": one.sentence} for one in changes
        ]
        output.document({"unchanged": not changes, "wider": bool(wider), "changes": told})
    else:
        output.rows(
            ("OPERATION", "CHANGE", "WHO"),
            [(one.title, one.what, one.sentence) for one in changes],
        )
        if not changes:
            output.note(f"nobody can do more or less than {path} says")
    if wider:
        raise typer.Exit(ExitCode.REFUSED)


def _print(output: Any, matrix: Any, *, markdown: bool) -> None:
    from doorward.policy.snapshot import document_of

    if output.as_json:
        output.document(document_of(matrix))
        return
    rows = [_cells(row.title, row) for row in matrix.rows]
    rows.append(_cells("(what describes the server)", matrix.conversation))
    rows.append(_cells("(everything else)", matrix.rest))
    if not markdown:
        output.rows(HEADINGS, rows)
        return
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *rows]
    for line in lines:
        output.text("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |")


def _cells(title: str, row: Any) -> tuple[str, str, str, str]:
    from doorward.policy.rules import EVERY_KIND

    if row is None:
        return title, "nobody", "nobody", "nobody"
    scopes = " ".join(
        f"{scope} (or {', '.join(sorted(row.contained_in[scope]))})"
        if row.contained_in.get(scope)
        else scope
        for scope in sorted(row.scopes)
    )
    roles = "; and of ".join(", ".join(sorted(one)) for one in row.roles)
    kinds = "any" if row.kinds == EVERY_KIND else ", ".join(sorted(row.kinds))
    return title, scopes or "-", roles or "-", kinds
