"""``doorward idp show``: everything known about one provider."""

from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples

EPILOG = examples("doorward idp show keycloak", "doorward idp show entra --json")

ProviderName = Annotated[
    str, typer.Argument(metavar="NAME", help='A provider\'s name, as "doorward idp table" has it.')
]


def show(name: ProviderName, as_json: AsJson = False) -> None:
    """
    Show one provider: its tokens, its quirks, and what to set for MCP.

    Claims that nobody verified are marked; dates and sources are in the JSON.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import fail
    from doorward.errors import DoorwardError
    from doorward.idp import find
    from doorward.idp.rendering import facts_in_words, preset_document

    output = Output(as_json=as_json)
    try:
        preset = find(name)
    except DoorwardError as error:
        fail(output, error)
        return
    if as_json:
        output.document(preset_document(preset))
        return
    output.facts(preset.title, facts_in_words(preset))
    if preset.matrix is not None:
        output.facts("Support", _support(preset))
    for quirk in preset.quirks:
        print_quirk(output, quirk)


def _support(preset: Any) -> list[tuple[str, str]]:
    from doorward.idp.matrix import COLUMNS
    from doorward.idp.rendering import cell_of, cell_text

    told = []
    for column in COLUMNS:
        note = cell_of(preset, column).note
        told.append((column.title, f"{cell_text(preset, column)}{f': {note}' if note else ''}"))
    return told


def print_quirk(output: Any, quirk: Any) -> None:
    """Print what a provider does otherwise, what to do, and where that was read."""
    from doorward.idp.rendering import doubt

    output.facts(
        quirk.departs_from,
        [
            ("does", quirk.fact.value + doubt(quirk.fact)),
            ("to do", quirk.remedy.value + doubt(quirk.remedy)),
            ("read", f"{quirk.fact.seen.isoformat()}, {quirk.fact.source}"),
        ],
    )
