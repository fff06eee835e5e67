"""``doorward client-document``: write or check a client ID metadata document."""

import json
from typing import Annotated

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.client_document import build_document, check_document

EPILOG = examples(
    "doorward client-document https://me.example/client.json --name 'My client' > client.json",
    "doorward client-document https://me.example/client.json --check",
    "doorward login https://mcp.example/mcp --client-document https://me.example/client.json",
)


def client_document(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The URL that serves the document; it is the client id."
        ),
    ],
    name: Annotated[str, typer.Option(help="The client's name on consent pages.")] = "Doorward",
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="A redirect URI; without it, /callback on any loopback port."),
    ] = None,
    homepage: Annotated[
        str | None, typer.Option(help="The client's home page.", metavar="URL")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fetch the document at URL and report what is wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Write or check a client ID metadata document.

    Serve the document at exactly URL, over https, as application/json and without a redirect.
    Authorization servers that support such documents then accept URL as a client id, without
    registration.
    """

    output = Output(as_json=as_json)
    if check:
        run(output, lambda: _check(output, url))
        return
    run(output, lambda: _write(output, url, name, redirect_uri or [], homepage))


async def _write(
    output: Output, url: str, name: str, redirect_uris: list[str], homepage: str | None
) -> None:

    document = build_document(url, name=name, redirect_uris=redirect_uris, homepage=homepage)
    output.text(json.dumps(document, ensure_ascii=False, indent=2))


async def _check(output: Output, url: str) -> None:

    metadata = await check_document(url)
    if output.as_json:
        output.document({"client_id": url, "usable": True})
        return
    output.facts(
        f"{url} can be used as a client id",
        [("name", metadata.client_name or ""), ("redirects", " ".join(metadata.redirect_uris))],
    )
