"""``doorward idp probe``: tests what a live provider supports."""

from typing import Annotated, Any

import typer

from doorward.cli.idp.show import print_quirk
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.refusals import DiscoveryFailed, Unreachable, untrusted_certificate
from doorward.idp import find
from doorward.idp.facts import Answer
from doorward.idp.matrix import COLUMNS
from doorward.idp.probe.advice import measured_answer
from doorward.idp.probe.discovery import look
from doorward.idp.probe.probe import probe as measure
from doorward.idp.rendering import preset_document
from doorward.net import Fetcher
from doorward.net.http.url import read_target
from doorward.wire.address import require_issuer

EPILOG = examples(
    "doorward idp probe https://login.example/realms/mcp",
    "doorward idp probe https://tenant.eu.auth0.com/ --idp auth0",
    "doorward idp probe http://localhost:9000 --try-registration --json",
)


def probe(
    issuer: Annotated[
        str,
        typer.Argument(
            metavar="ISSUER", help="The issuer URL, exactly as in the provider's metadata."
        ),
    ],
    idp: Annotated[
        str | None,
        typer.Option(
            "--idp", metavar="NAME", help="The provider's name; adds its quirks and remedies."
        ),
    ] = None,
    try_registration: Annotated[
        bool,
        typer.Option(
            "--try-registration",
            help="Also send a registration that the provider must refuse. A provider that accepts "
            "it can keep a client.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Test a live provider: what it advertises, and what of that works.

    Reads the metadata at each well-known URL, and calls the provider's endpoints without a token.
    Needs no account, and creates nothing. With "--try-registration", it also sends a registration
    that the provider must refuse. If the provider accepts it, the probe deletes the client again,
    or names it.
    """

    output = Output(as_json=as_json)
    run(output, lambda: _probe(output, issuer, idp, registration=try_registration))


async def _probe(output: Output, issuer: str, idp: str | None, *, registration: bool) -> None:

    preset = find(idp) if idp is not None else None
    # The user named the issuer, so its host may be private; every other URL in its documents must
    # be public.
    fetcher = Fetcher(
        allow_private_hosts=frozenset({read_target(require_issuer(issuer)).host_port}), timeout=10
    )
    tried = await look(fetcher, issuer)
    _require_documents(issuer, tried)
    measured = await measure(fetcher, issuer, tried, registration=registration)
    if output.as_json:
        output.document(_document(measured, preset))
    else:
        _print(output, measured, preset)


def _require_documents(issuer: str, tried: Any) -> None:

    if any(one.speaks_for(issuer) for one in tried):
        return
    if tried[0].untrusted is not None:
        raise untrusted_certificate(issuer, tried[0].untrusted)
    if all(one.status is None for one in tried):
        raise Unreachable(
            "unreachable",
            f"{issuer} does not answer: {tried[0].problem}.",
            "Check the URL, and that the provider is running.",
        )
    for one in tried:
        if one.document is not None:
            named = str(one.document.get("issuer"))[:300]
            raise DiscoveryFailed(
                "issuer-mismatch",
                f"{one.form.url} has the issuer {named!r}, not {issuer!r}: {difference(named, issuer)}.",
                f"If it is the right provider, use {named!r} as the issuer everywhere.",
            )
    answers = "; ".join(f"{one.form.url} {one.problem}" for one in tried)
    raise DiscoveryFailed(
        "no-metadata",
        f"No metadata found for {issuer}: {answers}.",
        "Give the issuer from the provider's documentation, with its path.",
    )


def difference(named: str, asked: str) -> str:
    """Describe how two similar issuers differ."""
    if named.rstrip("/") == asked.rstrip("/"):
        return "one ends in a slash"
    if named.lower() == asked.lower():
        return "they differ in upper and lower case"
    at = next(
        (
            number
            for number, pair in enumerate(zip(named, asked, strict=False))
            if pair[0] != pair[1]
        ),
        min(len(named), len(asked)),
    )
    return f"they differ from {named[at : at + 20]!r} and {asked[at : at + 20]!r} on"


def _print(output: Output, measured: Any, preset: Any) -> None:

    forms = [
        (one.form.name, f"{one.form.url}  {_told(one, measured.issuer)}") for one in measured.tried
    ]
    output.facts(measured.issuer, forms)
    output.rows(
        ("COLUMN", "ANSWER", "EVIDENCE"),
        [
            (one.title, str(measured.row[one.key].answer), measured.row[one.key].evidence)
            for one in COLUMNS
        ],
    )
    for sentence in measured.differences:
        output.note(sentence)
    for number, advice in enumerate(measured.advice, 1):
        output.facts(f"{number}. {advice.problem}", [("change", advice.change)])
    for left in measured.left_behind:
        output.note(f"LEFT BEHIND: {left}. Delete it at the provider.")
    if preset is not None:
        _print_quirks(output, measured, preset)


def _print_quirks(output: Output, measured: Any, preset: Any) -> None:
    """Print what ``preset`` says, without what the probe found to be done already."""
    done = _done(measured, preset)
    if done:
        output.note(f"Known of {preset.title} and already done here: {', '.join(done)}.")
    for quirk in preset.quirks:
        if quirk.departs_from not in done:
            unknown = measured_answer(quirk, measured.row) is Answer.UNKNOWN
            print_quirk(output, quirk, " (not measured; check it)" if unknown else "")


def _done(measured: Any, preset: Any) -> list[str]:
    return [
        quirk.departs_from
        for quirk in preset.quirks
        if measured_answer(quirk, measured.row) is Answer.YES
    ]


def _told(one: Any, issuer: str) -> str:
    if one.document is None:
        return str(one.problem)
    return "found" if one.speaks_for(issuer) else f"is of {one.document.get('issuer')!r}"[:300]


def _document(measured: Any, preset: Any) -> dict[str, Any]:

    document = {
        "issuer": measured.issuer,
        "documents": [
            {
                "form": one.form.name,
                "url": one.form.url,
                "clients_look_there": one.form.for_clients,
                "status": one.status,
                "problem": one.problem or None,
                "names_the_issuer": one.speaks_for(measured.issuer),
            }
            for one in measured.tried
        ],
        "row": {
            key: {"answer": str(cell.answer), "evidence": cell.evidence}
            for key, cell in measured.row.items()
        },
        "differences": list(measured.differences),
        "advice": [{"problem": one.problem, "change": one.change} for one in measured.advice],
        "left_behind": list(measured.left_behind),
    }
    if preset is None:
        return document
    return document | {"known": preset_document(preset), "known_done": _done(measured, preset)}
