"""The options of ``doorward doctor``, and the plan that they make."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.client.service_options import read_secret_line
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.client.sign_in.browser import open_browser
from doorward.doctor.probe.plan import Plan, SignInKind
from doorward.idp.clients import CLIENTS
from doorward.wire.address import require_issuer

CLIENT_NAMES = tuple(one.name for one in CLIENTS if one.connection is not None)

UrlOrCode = Annotated[
    str, typer.Argument(metavar="URL", help="The URL of the MCP server, often ending in /mcp.")
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Explain the finding whose code is given instead of URL; without a code, list them.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Compare with what this file of doorward serve makes; URL chooses among its servers.",
        dir_okay=False,
    ),
]
Persona = Annotated[
    str,
    typer.Option(
        "--as", metavar="CLIENT", help=f"Ask as this client does: {', '.join(CLIENT_NAMES)}."
    ),
]
Saw = Annotated[
    list[str] | None,
    typer.Option(
        "--saw",
        metavar="TEXT",
        help="What the client or its log said; may be given several times.",
    ),
]
SignIn = Annotated[
    bool, typer.Option("--sign-in", help="Sign in with the browser, and examine what follows.")
]
Paste = Annotated[
    bool,
    typer.Option("--paste", help="Sign in with a browser on another machine: paste its last URL."),
]
Device = Annotated[
    bool, typer.Option("--device", help="Sign in on another device, if the issuer supports it.")
]
Register = Annotated[
    bool,
    typer.Option(
        "--register",
        help="Register a client for the sign-in. An issuer that cannot delete it keeps it.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="Examine the access token in this file, mode 0600, instead of signing in.",
        dir_okay=False,
    ),
]
ClientId = Annotated[
    str | None,
    typer.Option("--client-id", metavar="ID", help="Use this client of yours at the issuer."),
]
Issuer = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="The issuer of the secret: no other gets it."),
]
Scope = Annotated[
    str | None, typer.Option("--scope", help="Ask for these scopes instead of the server's.")
]
Port = Annotated[
    int,
    typer.Option(
        help="The redirect URI is http://127.0.0.1:PORT/callback. 0 picks a free one.",
        min=0,
        max=65535,
    ),
]
Patient = Annotated[
    bool,
    typer.Option("--patient", help="Wait until the token expires, two hours at most, and go on."),
]
Junit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Also write a JUnit file.")
]


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """What the command line says."""

    persona: str
    sign_in: bool
    paste: bool
    device: bool
    register: bool
    token_file: Path | None
    client_id: str | None
    secret_file: Path | None
    issuer: str | None
    scope: str | None
    port: int
    patient: bool

    def plan(self, output: Output) -> Plan:
        """
        Return the plan of the run.

        Raises:
            UsageProblem: with reason ``unknown-persona``, ``two-ways``, ``would-register`` or
                ``no-issuer``, or what is wrong with a file.
        """
        self._check()
        token = read_secret_line(self.token_file) if self.token_file else None
        secret = read_secret_line(self.secret_file) if self.secret_file else None
        return Plan(
            persona=self.persona,
            sign_in=self._kind(),
            token=token,
            client_id=self.client_id,
            client_secret=secret,
            issuer=require_issuer(self.issuer) if self.issuer else None,
            scope=self.scope,
            port=self.port,
            patient=self.patient,
            **_terminal(output, pastes=self.paste),
        )

    def _kind(self) -> SignInKind:
        if self.token_file is not None:
            return "token"
        if self.device:
            return "device"
        if self.paste:
            return "paste"
        return "browser" if self.sign_in or self.patient else "none"

    def _check(self) -> None:
        if self.persona and self.persona not in CLIENT_NAMES:
            raise UsageProblem(
                "unknown-persona",
                f"{self.persona!r} is no known client.",
                f"Known: {', '.join(CLIENT_NAMES)}.",
            )
        if sum((self.paste, self.device, self.token_file is not None)) > 1:
            raise UsageProblem(
                "two-ways",
                "--paste, --device and --token-file are three ways to a token.",
                "Give one of them.",
            )
        signs_in = self._kind() in ("browser", "paste", "device")
        if signs_in and self.client_id is None and not self.register:
            raise UsageProblem(
                "would-register",
                "A sign-in needs a client, and an issuer cannot always delete one that it registers.",
                "Add --client-id to use a client of yours, or --register to register one. The "
                "doctor deletes it where the issuer supports that (RFC 7592), and names it otherwise.",
            )
        if self.secret_file is not None and (self.client_id is None or self.issuer is None):
            raise UsageProblem(
                "no-issuer",
                "--client-secret-file needs --client-id and --issuer.",
                "Add both: only this issuer gets the secret. The MCP server must not choose it.",
            )


def _terminal(output: Output, *, pastes: bool) -> dict[str, Any]:
    def open_url(url: str) -> None:
        if pastes or not open_browser(url):
            output.note("Open this URL in a browser:")
            output.address(url)
        else:
            output.note("The browser is open; finish the sign-in there.")

    def read_line() -> str:
        output.note("The browser ends on a page that does not load. Paste its URL here:")
        return sys.stdin.readline()

    def show_code(url: str, code: str) -> None:
        output.note(f"Enter the code {code} at this URL:")
        output.address(url)

    return {"open_url": open_url, "read_line": read_line, "show_code": show_code}
