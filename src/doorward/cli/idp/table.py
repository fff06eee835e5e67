"""``doorward idp table``: which identity provider supports what."""

from typing import Annotated

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.idp import PROVIDERS, behind_doorward, page
from doorward.idp.matrix import COLUMNS
from doorward.idp.rendering import LEGEND, markdown_table, row_document, row_texts, source_rows

EPILOG = examples(
    "doorward idp table",
    "doorward idp table --markdown > providers.md",
    "doorward idp table --sources",
    "doorward idp table --behind-doorward",
    "doorward idp table --json",
)


def table(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table on stdout.")
    ] = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="Print one line per cell, with its date and source.")
    ] = False,
    behind: Annotated[
        bool,
        typer.Option(
            "--behind-doorward",
            help="Show what an MCP client gets if Doorward signs its users in at the provider.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show which identity provider supports what of MCP authorization.

    A question mark marks an unverified claim; an asterisk marks a correction of older tables.
    """

    output = Output(as_json=as_json)
    if behind:
        _print_behind_doorward(output, markdown=markdown)
    elif as_json:
        columns = [{"key": one.key, "title": one.title, "asks": one.asks} for one in COLUMNS]
        rows = [row_document(preset) for preset in PROVIDERS]
        output.document({"columns": columns, "providers": rows})
    elif markdown:
        output.text((page.sources(PROVIDERS) if sources else page.table(PROVIDERS)).rstrip("\n"))
    elif sources:
        parts = ("PROVIDER", "COLUMN", "ANSWER", "NOTE", "DATE", "SOURCE")
        output.rows(parts, source_rows(PROVIDERS))
    else:
        headings = ("PROVIDER", *(column.title for column in COLUMNS))
        output.rows(headings, [row_texts(preset) for preset in PROVIDERS], in_blocks=True)
        for line in LEGEND:
            output.note(line)


def _print_behind_doorward(output: Output, *, markdown: bool) -> None:
    columns = behind_doorward.COLUMNS
    headings = ("PROVIDER", *(column.title for column in columns), "CLIENTS THAT SIGNED IN")
    rows = [behind_doorward.row_texts(preset) for preset in PROVIDERS]
    if output.as_json:
        record = behind_doorward.record()
        output.document(
            {
                "recorded": record["date"],
                "clients": record["clients"],
                "columns": [vars(column) for column in columns],
                "providers": [behind_doorward.row_document(preset) for preset in PROVIDERS],
            }
        )
    elif markdown:
        output.text(markdown_table(headings, rows).rstrip("\n"))
    else:
        output.rows(headings, rows, in_blocks=True)
        for line in behind_doorward.legend():
            output.note(line)
