"""``doorward client-document``: the document that a client is known by, written and checked."""

from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples

EPILOG = examples(
    "doorward client-document https://me.example/client.json --name 'My client' > client.json",
    "doorward client-document https://me.example/client.json --check",
    "doorward login https://mcp.example/mcp --client-document https://me.example/client.json",
)


def client_document(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where the document is served; the client's id.")
    ],
    name: Annotated[str, typer.Option(help="What consent pages call the client.")] = "Doorward",
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="Where codes may be sent; without it, any loopback port at /callback."),
    ] = None,
    homepage: Annotated[
        str | None, typer.Option(help="The client's own page.", metavar="URL")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fetch what is served there and say what is wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Write the document that makes its own URL a client id, or check the one that is served.

    Serve it at exactly that URL, over https, as application/json and without a redirect. Servers
    that read such documents then know your client without a registration.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    if check:
        run(output, lambda: _check(output, url))
        return
    run(output, lambda: _write(output, url, name, redirect_uri or [], homepage))


async def _write(
    output: Any, url: str, name: str, redirect_uris: list[str], homepage: str | None
) -> None:
    import json

    from doorward.client.client_document import build_document

    document = build_document(url, name=name, redirect_uris=redirect_uris, homepage=homepage)
    output.text(json.dumps(document, ensure_ascii=False, indent=2))


async def _check(output: Any, url: str) -> None:
    from doorward.client.client_document import check_document

    metadata = await check_document(url)
    if output.as_json:
        output.document({"client_id": url, "usable": True})
        return
    output.facts(
        f"{url} can be used as a client id",
        [("name", metadata.client_name or ""), ("redirects", " ".join(metadata.redirect_uris))],
    )
