"""``doorward who-can``: the permissions of a server, from its own rules."""

from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.policy.target import Target, load
from doorward.cli.running import fail
from doorward.errors import DoorwardError
from doorward.integrations.effective_policy import effective_policy_of
from doorward.policy.matrix import matrix_of
from doorward.policy.rules import EVERY_KIND
from doorward.policy.snapshot import document_of
from doorward.testing.permissions import read_changes, write_permissions

EPILOG = examples(
    "doorward who-can shop.main:guard",
    "doorward who-can shop.main:guard --markdown > permissions.md",
    "doorward who-can doorward.toml",
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
        typer.Option(
            help="Write the permissions to this file, for a later --check.", dir_okay=False
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            help="Exit with status 1 if the permissions are wider than in this file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show which scopes and roles each tool, prompt and resource needs.

    Imports your module, and so runs its top-level code. For a Guard, the base rule is included; for
    an McpServer, only the rules of its functions.
    """

    output = Output(as_json=as_json)
    try:
        source = effective_policy_of(load(target)).policy
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


def _write(output: Output, source: object, path: Path) -> None:

    write_permissions(source, path)
    output.note(f"wrote {path}")
    if output.as_json:
        output.document({"written": str(path)})


def _check(output: Output, source: object, path: Path) -> None:

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
            output.note(f"unchanged: the permissions are those in {path}")
    if wider:
        raise typer.Exit(ExitCode.REFUSED)


def _print(output: Output, matrix: Any, *, markdown: bool) -> None:

    if output.as_json:
        output.document(document_of(matrix))
        return
    rows: list[tuple[str, ...]] = [_cells(row.title, row) for row in matrix.rows]
    rows.append(_cells("(what describes the server)", matrix.conversation))
    rows.append(_cells("(everything else)", matrix.rest))
    headings: tuple[str, ...] = HEADINGS
    # Most policies have no such conditions, and the column is wide.
    if any(row.arguments for row in matrix.rows):
        headings = (*HEADINGS, "ARGUMENTS")
        told = [" and ".join(sorted(row.arguments)) or "-" for row in matrix.rows]
        rows = [(*cells, one) for cells, one in zip(rows, [*told, "-", "-"], strict=True)]
    if not markdown:
        output.rows(headings, rows)
        return
    lines = [headings, tuple("---" for _ in headings), *rows]
    for line in lines:
        output.text("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |")


def _cells(title: str, row: Any) -> tuple[str, str, str, str]:

    if row is None:
        return title, "nobody", "nobody", "nobody"
    if row.public:
        return title, "-", "-", "everybody, also without a token"
    scopes = " ".join(
        f"{scope} (or {', '.join(sorted(row.contained_in[scope]))})"
        if row.contained_in.get(scope)
        else scope
        for scope in sorted(row.scopes)
    )
    roles = "; and of ".join(", ".join(sorted(one)) for one in row.roles)
    kinds = "any" if row.kinds == EVERY_KIND else ", ".join(sorted(row.kinds))
    return title, scopes or "-", roles or "-", kinds
