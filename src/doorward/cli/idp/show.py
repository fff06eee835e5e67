"""``doorward idp show``: everything known about one provider."""

from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import fail
from doorward.errors import DoorwardError
from doorward.idp import find
from doorward.idp.clients import CLIENTS
from doorward.idp.matrix import COLUMNS
from doorward.idp.registration_guide import client_document, client_in_words, place_in_words
from doorward.idp.rendering import cell_of, cell_text, doubt, facts_in_words, preset_document
from doorward.idp.sign_in_guide import sign_in_document, sign_in_in_words

EPILOG = examples("doorward idp show keycloak", "doorward idp show entra --json")

ProviderName = Annotated[
    str, typer.Argument(metavar="NAME", help='The provider\'s name, from "doorward idp table".')
]


def show(name: ProviderName, as_json: AsJson = False) -> None:
    """
    Show one provider: its tokens, its quirks, and how to sign people in there.

    For a provider that does not let every client register itself, also shows the redirect URIs to
    register for each common MCP client, and where to enter the client id. Unverified claims are marked. The JSON has all dates and sources.
    """

    output = Output(as_json=as_json)
    try:
        preset = find(name)
    except DoorwardError as error:
        fail(output, error)
        return
    if as_json:
        clients = [client_document(client) for client in CLIENTS] if preset.manual else []
        output.document(
            {**preset_document(preset), "clients": clients, "sign_in": sign_in_document(preset)}
        )
        return
    output.facts(preset.title, facts_in_words(preset))
    if preset.matrix is not None:
        output.facts("To sign people in with GuardWithSignIn", sign_in_in_words(preset))
        output.facts("Support", _support(preset))
    for quirk in preset.quirks:
        print_quirk(output, quirk)
    if preset.manual is not None:
        output.facts("To register a client by hand", place_in_words(preset))
        for client in CLIENTS:
            output.facts(client.title, client_in_words(client, preset))


def _support(preset: Any) -> list[tuple[str, str]]:

    told = []
    for column in COLUMNS:
        note = cell_of(preset, column).note
        told.append((column.title, f"{cell_text(preset, column)}{f': {note}' if note else ''}"))
    return told


def print_quirk(output: Output, quirk: Any, state: str = "") -> None:
    """Print how a provider departs from a standard, the remedy, and the source."""

    output.facts(
        quirk.departs_from + state,
        [
            ("does", quirk.fact.value + doubt(quirk.fact)),
            ("to do", quirk.remedy.value + doubt(quirk.remedy)),
            ("read", f"{quirk.fact.seen.isoformat()}, {quirk.fact.source}"),
        ],
    )
