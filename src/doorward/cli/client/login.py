"""``doorward login``: sign in to an MCP server through the browser."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from doorward.cli.client.service_options import (
    AsService,
    Issuer,
    KeyFile,
    SecretFile,
    ServiceOptions,
)
from doorward.cli.options import Account, AsJson, ServerUrl, examples

EPILOG = examples(
    "doorward login https://mcp.example/mcp",
    "doorward login https://mcp.example/mcp --scope 'mcp:read mcp:tools'",
    "doorward login https://mcp.example/mcp --paste",
    "doorward login https://mcp.example/mcp --account work",
    "doorward login https://mcp.example/mcp --client-id my-registered-client --port 8765",
    "doorward login https://mcp.example/mcp --service --client-id nightly --issuer https://login.example --client-secret-file secret.txt",
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
    paste: Annotated[
        bool,
        typer.Option(
            "--paste", help="The browser is on another machine: paste its last address back here."
        ),
    ] = False,
    device: Annotated[
        bool,
        typer.Option("--device", help="Show a code to enter on another device, where offered."),
    ] = False,
    service: AsService = False,
    issuer: Issuer = None,
    client_secret_file: SecretFile = None,
    client_key: KeyFile = None,
    account: Account = None,
    timeout: Annotated[
        float, typer.Option(help="How long to wait for the browser, in seconds.", min=1)
    ] = 300,
    as_json: AsJson = False,
) -> None:
    """
    Sign in to an MCP server through the browser.

    Finds out who signs people in there, opens that page, and waits on a loopback port for the
    browser to come back. Over SSH, "--paste" or "--device" need no browser here. Tokens are kept
    in a file that only you can read, sealed with a key in the system's keyring if there is one.
    Those of a service are kept as an account, "--account" or else named by its client id.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    progress = LoginProgress(output, no_browser=no_browser or paste, pastes=paste)
    options = {"port": port, "patience": timeout, **_kind(progress, paste=paste, device=device)}
    if account is not None:
        # Else the browser signs in again whoever is signed in there already.
        options["prompt"] = "select_account"
    asked = LoginOptions(
        url,
        scope,
        client_id,
        client_document,
        account,
        ServiceOptions(service, client_id, issuer, client_secret_file, client_key),
    )
    run(output, lambda: _login(output, asked, progress, options))


def _kind(progress: "LoginProgress", *, paste: bool, device: bool) -> dict[str, Any]:
    if device:
        return {"show": progress.show}
    return {"paste": progress.paste} if paste else {}


@dataclass(frozen=True)
class LoginOptions:
    """What the command line says about whom to sign in where."""

    url: str
    scope: str | None
    client_id: str | None
    client_document: str | None
    account: str | None
    service: ServiceOptions


async def _login(
    output: Any, asked: LoginOptions, progress: "LoginProgress", options: dict[str, Any]
) -> None:
    from doorward.cli.client.stored import token_store_of
    from doorward.cli.problems import UsageProblem
    from doorward.client.connection import open_connection
    from doorward.client.oauth.registration import ClientChoice, require_document_url
    from doorward.wire.oauth.scope import parse_scope

    url, scope, document = asked.url, asked.scope, asked.client_document
    wanted = parse_scope(" ".join(scope.replace(",", " ").split())) if scope is not None else None
    if scope is not None and not wanted:
        raise UsageProblem(
            "malformed-scope",
            f"{scope!r} is not a list of scopes.",
            "Separate scopes by spaces, such as --scope 'mcp:read mcp:tools'.",
        )
    token_store = token_store_of(asked.service.account(asked.account))
    choice = ClientChoice(
        client_id=asked.client_id,
        document=require_document_url(document) if document else None,
    )
    chosen = {
        "choice": choice,
        **options,
        **asked.service.options(token_store, people_name_clients=True),
    }
    if asked.service.wanted and {"show", "paste"} & options.keys():
        raise UsageProblem(
            "two-ways", "A service needs no browser.", "Leave out --paste and --device."
        )
    async with open_connection(
        url,
        token_store=token_store,
        browser=progress.open,
        progress=progress,
        **chosen,
    ) as connection:
        tokens = await connection.log_in(wanted)
        place = connection.token_store.place
    _report(output, url, tokens, place)
    missing = sorted((wanted or frozenset()) - tokens.scopes) if tokens else []
    if missing:
        output.note(f"Not granted: {' '.join(missing)}.")


def _report(output: Any, url: str, tokens: Any, place: str) -> None:
    from doorward.cli.client.stored import document_of, facts_of

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


class LoginProgress:
    """Says on stderr which hop is done, and opens or prints the address."""

    def __init__(self, output: Any, *, no_browser: bool, pastes: bool = False) -> None:
        self._output = output
        self._no_browser = no_browser
        self._pastes = pastes

    def __call__(self, step: str, detail: str) -> None:
        """Take note of one hop."""
        shown = {"resource": "server", "issuer": "sign-in", "client": "client"}
        if step in shown:
            self._output.step(shown[step], detail)
        if step == "issuer":
            self._warn(detail)
        elif step == "answer":
            self._output.step("answer", f"from {detail}")

    def open(self, url: str) -> None:
        """Open the authorization URL, or print it when nothing can be opened."""
        from doorward.client.sign_in.browser import open_browser

        if not self._no_browser and open_browser(url):
            self._output.waiting("browser", "opened; waiting for you to finish there")
            return
        where = "in any browser" if self._pastes else "on this machine"
        self._output.waiting("browser", f"open this address, {where}:")
        self._warn(url)
        self._output.address(url)

    def _warn(self, url: str) -> None:
        from doorward.wire import address

        parts = address.split(url)
        if parts is not None and address.is_punycode(parts.hostname or ""):
            self._output.note(
                f"Careful: letters of {parts.hostname} only look like others (Punycode)."
            )

    def paste(self) -> str:
        """Ask for the browser's last address and return what was typed."""
        self._output.note("The browser will find nothing at the end. Copy its address, paste it:")
        return sys.stdin.readline()

    def show(self, code: Any) -> None:
        """Say where to go on another device, and what to enter there."""
        self._output.waiting("device", f"enter the code {code.user_code} at this address:")
        self._warn(code.address)
        self._output.address(code.address)
