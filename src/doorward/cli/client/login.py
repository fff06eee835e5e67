"""``doorward login``: sign in to an MCP server."""

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
from doorward.cli.client.stored_token import (
    stored_token_document,
    stored_token_facts,
    token_store_of,
)
from doorward.cli.options import Account, AsJson, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run
from doorward.client.connection import open_connection
from doorward.client.oauth.registration import ClientConfig, require_document_url
from doorward.client.sign_in.browser import open_browser
from doorward.wire import address
from doorward.wire.oauth.scope import parse_scope

EPILOG = examples(
    "doorward login https://mcp.example/mcp",
    "doorward login https://mcp.example/mcp --scope 'mcp:read mcp:tools'",
    "doorward login https://mcp.example/mcp --paste",
    "doorward login https://mcp.example/mcp --account work",
    "doorward login https://mcp.example/mcp --client-id my-registered-client --port 8765",
    "doorward login https://mcp.example/mcp --client-id my-web-client --port 8765 --issuer https://login.example --client-secret-file secret.txt",
    "doorward login https://mcp.example/mcp --service --client-id nightly --issuer https://login.example --client-secret-file secret.txt",
)


def login(
    url: ServerUrl,
    scope: Annotated[
        str | None,
        typer.Option(help="Request exactly these scopes, separated by spaces."),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(help="Use this pre-registered client instead of registering a new one."),
    ] = None,
    client_document: Annotated[
        str | None,
        typer.Option(
            help="Use the client ID metadata document at this https URL.",
            metavar="URL",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            help="Listen on exactly this port: the redirect URI is http://127.0.0.1:PORT/callback. "
            "0 picks a free one.",
            min=0,
            max=65535,
        ),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the sign-in URL instead of opening it.")
    ] = False,
    paste: Annotated[
        bool,
        typer.Option(
            "--paste", help="Use a browser on another machine: paste the URL that it ends on."
        ),
    ] = False,
    device: Annotated[
        bool,
        typer.Option(
            "--device", help="Show a code to enter on another device, if the provider supports it."
        ),
    ] = False,
    service: AsService = False,
    issuer: Issuer = None,
    client_secret_file: SecretFile = None,
    client_key: KeyFile = None,
    account: Account = None,
    timeout: Annotated[
        float, typer.Option(help="Wait this many seconds for the browser.", min=1)
    ] = 300,
    as_json: AsJson = False,
) -> None:
    """
    Sign in to an MCP server.

    Opens the sign-in page of the server's authorization server in the browser, and waits for the
    redirect on a loopback port. Over SSH, use "--paste" or "--device". The tokens are stored in a
    file that only you can read, encrypted with a key in the system keyring if there is one.

    With "--client-id", uses a client that you registered with the redirect URI of "--port"; the
    secret of such a client comes from "--client-secret-file". "doorward idp show" says where to
    register one. Client id, secret and port are stored for the next sign-in.

    With "--service", signs in without a browser, with the secret in $DOORWARD_CLIENT_SECRET,
    "--client-secret-file" or "--client-key". The tokens are stored under "--account", or under the
    client id.
    """

    output = Output(as_json=as_json)
    progress = LoginProgress(output, no_browser=no_browser or paste, pastes=paste)
    options = {"port": port, "timeout": timeout, **_kind(progress, paste=paste, device=device)}
    if account is not None:
        # Without it, the provider reuses the browser's session, which may be another account's.
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
    output: Output, asked: LoginOptions, progress: "LoginProgress", options: dict[str, Any]
) -> None:

    url, scope, document = asked.url, asked.scope, asked.client_document
    wanted = parse_scope(" ".join(scope.replace(",", " ").split())) if scope is not None else None
    if scope is not None and not wanted:
        raise UsageProblem(
            "malformed-scope",
            f"{scope!r} is not a list of scopes.",
            "Separate scopes with spaces, such as --scope 'mcp:read mcp:tools'.",
        )
    token_store = token_store_of(asked.service.account(asked.account))
    client_config = ClientConfig(
        client_id=asked.client_id,
        document=require_document_url(document) if document else None,
    )
    who = asked.service
    chosen = {
        "client_config": client_config,
        **options,
        **(who.options(token_store) if who.wanted else who.options_of_person(token_store)),
    }
    if asked.service.wanted and {"show", "paste"} & options.keys():
        raise UsageProblem(
            "two-ways",
            "--service cannot be combined with --paste or --device.",
            "Remove --paste and --device: a service signs in without a browser.",
        )
    async with open_connection(
        url,
        token_store=token_store,
        browser=progress.open,
        progress=progress,
        **chosen,
    ) as connection:
        tokens = await connection.log_in(wanted)
        place = connection.token_store.location
    _report(output, url, tokens, place)
    missing = sorted((wanted or frozenset()) - tokens.scopes) if tokens else []
    if missing:
        output.note(
            f"Not granted: {' '.join(missing)}. Ask the server's operator to allow it for this account, "
            "or sign in to another one with --account NAME."
        )


def _report(output: Output, url: str, tokens: Any, place: str) -> None:

    if tokens is None:
        output.note("This server does not require a sign-in.")
        if output.as_json:
            output.document({"server": url, "signed_in": False})
        return
    document = stored_token_document(url, tokens, place)
    if output.as_json:
        output.document({"signed_in": True, **document})
        return
    output.facts(f"Signed in to {url}", stored_token_facts(document))


class LoginProgress:
    """Prints each finished step on stderr, and opens or prints the sign-in URL."""

    def __init__(self, output: Output, *, no_browser: bool, pastes: bool = False) -> None:
        self._output = output
        self._no_browser = no_browser
        self._pastes = pastes

    def __call__(self, step: str, detail: str) -> None:
        """Print one finished step."""
        shown = {"resource": "server", "issuer": "sign-in", "client": "client"}
        if step in shown:
            self._output.step(shown[step], detail)
        if step == "issuer":
            self._warn(detail)
        elif step == "answer":
            self._output.step("answer", f"from {detail}")

    def open(self, url: str) -> None:
        """Open the authorization URL, or print it if no browser can be opened."""

        if not self._no_browser and open_browser(url):
            self._output.waiting("browser", "opened; finish the sign-in there")
            return
        where = "in any browser" if self._pastes else "on this machine"
        self._output.waiting("browser", f"open this URL {where}:")
        self._warn(url)
        self._output.address(url)

    def _warn(self, url: str) -> None:

        parts = address.split(url)
        if parts is not None and address.is_punycode(parts.hostname or ""):
            self._output.note(
                f"Warning: letters of {parts.hostname} can be mistaken for others (Punycode)."
            )

    def paste(self) -> str:
        """Ask for the redirect URL and return the typed line."""
        self._output.note("The browser ends on a page that does not load. Paste its URL here:")
        return sys.stdin.readline()

    def show(self, code: Any) -> None:
        """Print the verification URL and the user code."""
        self._output.waiting("device", f"enter the code {code.user_code} at this URL:")
        self._warn(code.verification_uri)
        self._output.address(code.verification_uri)
