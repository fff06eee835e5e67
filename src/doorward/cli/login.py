"""``doorward login``: sign in to an MCP server through the browser."""

from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, ServerUrl, examples

EPILOG = examples(
    "doorward login https://mcp.example/mcp",
    "doorward login https://mcp.example/mcp --scope 'mcp:read mcp:tools'",
    "doorward login https://mcp.example/mcp --no-browser",
    "doorward login https://mcp.example/mcp --client-id my-registered-client --port 8765",
)


def login(
    url: ServerUrl,
    scope: Annotated[
        str | None,
        typer.Option(help="Ask for exactly these scopes, separated by spaces."),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(help="Use this client, registered there by hand, instead of registering one."),
    ] = None,
    client_document: Annotated[
        str | None,
        typer.Option(
            help="The https URL of your client ID metadata document, for servers that read them.",
            metavar="URL",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(help="Listen on this loopback port; 0 takes a free one.", min=0, max=65535),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address instead of opening it.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="How long to wait for the browser, in seconds.", min=1)
    ] = 300,
    as_json: AsJson = False,
) -> None:
    """
    Sign in to an MCP server through the browser.

    Finds out who signs people in there, opens that page, and waits on a loopback port for the
    browser to come back. Tokens are kept in the system's keyring, or in a file that only you can
    read.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    options = {"port": port, "patience": timeout}
    run(output, lambda: _login(output, url, scope, client_id, client_document, no_browser, options))


async def _login(
    output: Any,
    url: str,
    scope: str | None,
    client_id: str | None,
    client_document: str | None,
    no_browser: bool,
    options: dict[str, Any],
) -> None:
    from doorward.cli.problems import UsageProblem
    from doorward.client.connection import open_connection
    from doorward.client.registration import ClientChoice, require_document_url
    from doorward.wire.scope import parse_scope

    wanted = parse_scope(" ".join(scope.replace(",", " ").split())) if scope is not None else None
    if scope is not None and not wanted:
        raise UsageProblem(
            "malformed-scope",
            f"{scope!r} is not a list of scopes.",
            "Separate scopes by spaces, such as --scope 'mcp:read mcp:tools'.",
        )
    choice = ClientChoice(
        client_id=client_id,
        document=require_document_url(client_document) if client_document else None,
    )
    progress = Progress(output, no_browser=no_browser)
    async with open_connection(
        url, choice=choice, browser=progress.open, progress=progress, **options
    ) as connection:
        tokens = await connection.log_in(wanted)
        place = connection.wallet.place
    _report(output, url, tokens, place)
    missing = sorted((wanted or frozenset()) - tokens.scopes) if tokens else []
    if missing:
        output.note(f"Not granted: {' '.join(missing)}.")


def _report(output: Any, url: str, tokens: Any, place: str) -> None:
    from doorward.cli.stored import document_of, facts_of

    if tokens is None:
        output.note("This server asks nobody to sign in.")
        if output.as_json:
            output.document({"server": url, "signed_in": False})
        return
    document = document_of(url, tokens, place)
    if output.as_json:
        output.document({"signed_in": True, **document})
        return
    output.facts(f"Signed in to {url}", facts_of(document))


class Progress:
    """Says on stderr which hop is done, and opens or prints the address."""

    def __init__(self, output: Any, *, no_browser: bool) -> None:
        self._output = output
        self._no_browser = no_browser

    def __call__(self, step: str, detail: str) -> None:
        """Take note of one hop."""
        shown = {"resource": "server", "issuer": "sign-in", "client": "client"}
        if step in shown:
            self._output.step(shown[step], f"{detail}")
        elif step == "answer":
            self._output.step("answer", f"from {detail}")

    def open(self, url: str) -> None:
        """Open the authorization URL, or print it when nothing can be opened."""
        from doorward.client.browser import open_browser

        if not self._no_browser and open_browser(url):
            self._output.waiting("browser", "opened; waiting for you to finish there")
            return
        self._output.waiting("browser", "open this address, on this machine:")
        self._output.address(url)
