"""``doorward idp table``: which identity provider supports what."""

from typing import Annotated

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.idp import PROVIDERS, page
from doorward.idp.matrix import COLUMNS
from doorward.idp.rendering import LEGEND, row_document, row_texts, source_rows

EPILOG = examples(
    "doorward idp table",
    "doorward idp table --markdown > providers.md",
    "doorward idp table --sources",
    "doorward idp table --json",
)


def table(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table on stdout.")
    ] = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="Print one line per cell, with its date and source.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show which identity provider supports what of MCP authorization.

    A question mark marks an unverified claim; an asterisk marks a correction of older tables.
    """

    output = Output(as_json=as_json)
    if as_json:
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
