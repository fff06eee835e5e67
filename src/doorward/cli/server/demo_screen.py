"""The output of ``doorward demo``: addresses, users, and each decision."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doorward.authserver import ServerEvent
from doorward.cli.plain_text import line
from doorward.demo.app import DemoAddresses
from doorward.demo.client_setup import DEMO_NAME, OWN_NAME, ClientSetup, client_setups
from doorward.demo.own_server import OwnServer
from doorward.demo.users import DemoUser
from doorward.guard import AuditEvent
from doorward.wire.shell_command import shell_command

SENTENCES = {
    "client.registered": "a client registered: {client_id}",
    "client-document.changed": "the document of {client_id} changed",
    "sign-in.succeeded": "{who} signed in",
    "sign-in.failed": "a sign-in failed: {reason}",
    "provider.failed": "the identity provider {provider} cannot be used: {reason}",
    "provider-sign-in.failed": "a sign-in at {provider} failed: {reason}",
    "authorization.refused": "{client_id} was refused: {reason}",
    "code.issued": "{who} let {client_id} in",
    "token.issued": "{client_id} got a token for {scope}",
    "token.exchanged": "{client_id} exchanged a token for one for {target}",
    "provider-token.given": "a tool of {client_id} got its caller's token at {provider}",
    "connection.made": "{who} connected an account at {provider}",
    "connection.ended": "an account is disconnected: {reason}",
    "connection.failed": "an account at {provider} could not be connected: {reason}",
    "provider-revocation.failed": "{provider} could not be told that a token has ended: {reason}",
    "provider-session.ended": "{provider} ended a session",
    "grant.ended": "{who} ended an application's access",
    "token.revoked": "{client_id} gave a token back",
    "request.refused": "{path} was refused: {reason}",
    "request.failed": "{path} failed: {error}",
    "code.reused": "a code of {client_id} came twice; what it had opened is closed",
    "refresh.reused": "a spent refresh token of {client_id} came back; its family is closed",
}
ALARMING = frozenset(
    {
        "client-document.changed",
        "sign-in.failed",
        "provider.failed",
        "provider-sign-in.failed",
        "connection.failed",
        "provider-revocation.failed",
        "request.failed",
        "code.reused",
        "refresh.reused",
    }
)


class RichScreen:
    """Text output: the addresses and users, then one line per decision."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def show_addresses(self, where: DemoAddresses) -> None:
        """Show where the demo is, who can sign in, and what to paste into each client."""
        out, own = self._console, where.own
        out.print()
        out.print(
            Text.assemble(("  Doorward demo", "bold"), f"   Ctrl-C stops it. {_keeps(where)}")
        )
        out.print()
        server = "Your MCP server" if own else "MCP server"
        out.print(
            _rows(
                (server, where.mcp), ("Authorization server", where.issuer), ("Story", where.story)
            )
        )
        if own:
            out.print("\n  [bold]Put this into your server[/bold]")
            out.print(Text(_guard_line(own, where.issuer), style="cyan"))
        out.print("\n  [bold]Who can sign in[/bold]")
        out.print(_people(where.users))
        if where.signs_in_as:
            out.print(
                f"\n  [yellow]Signs {where.signs_in_as} in and consents without asking,[/yellow] "
                "for whoever asks on this machine."
            )
        if own:
            out.print("\n  [bold]Call it while it runs[/bold]")
            for verb in ("login", "tools"):
                out.print(Text(f"  {shell_command('doorward', verb, own.resource)}", style="cyan"))
        out.print("\n  [bold]Connect a client[/bold]")
        for paste in _setups(where):
            out.print(f"  [cyan]{paste.client:<14}[/cyan] ", end="")
            out.print(Text(paste.line), end="")
            out.print(Text(_note(paste), "dim"))
        what = (
            "Each sign-in and token appears here."
            if own
            else "Every step and every decision appears here."
        )
        out.print(f"\n  [dim]{what}[/dim]")

    def show_event(self, event: ServerEvent, who: str | None) -> None:
        """Show one step of the authorization server on one line."""
        told = {**event.facts, "reason": event.reason, "who": who or "somebody"}
        sentence = SENTENCES.get(event.kind, event.kind).format_map(told)
        style = "yellow" if event.kind in ALARMING else "default"
        self._line(event.time, Text("· ", "cyan"), Text(line(sentence), style))

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Show one decision on one line."""
        what = " ".join(part for part in (event.method, event.name) if part) or event.http_method
        asked = f"{who or 'nobody':<7} {line(what)}"
        if event.decision == "served":
            self._line(event.time, Text("✓ ", "green"), Text(asked))
            return
        needs = f"  needs {' '.join(sorted(event.scopes))}" if event.scopes else ""
        refusal = Text.assemble(
            f"{asked}  ",
            (f"{event.status} {event.reason}", "red"),
            needs,
            (f"  {event.correlation_id}", "dim"),
        )
        self._line(event.time, Text("✗ ", "red"), refusal)

    def _line(self, at: float, mark: Text, text: Text) -> None:
        time = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
        self._console.print(Text.assemble((f"  {time}  ", "dim"), mark, text))


class JsonScreen:
    """JSON output: one object per line, first ``listening``, then one per decision."""

    def __init__(self, dump: Callable[[Any], str], write: Callable[[str], None] = print) -> None:
        self._dump = dump
        self._write = write

    def show_addresses(self, where: DemoAddresses) -> None:
        """Write where the demo is and who can sign in."""
        self._put(
            {
                "event": "listening",
                "url": where.issuer,
                "issuer": where.issuer,
                "mcp": where.mcp,
                "story": where.story,
                "data": str(where.data) if where.data else None,
                "signs_in_as": where.signs_in_as,
                "users": [
                    {
                        "username": person.username,
                        "password": person.password,
                        "scopes": sorted(person.scopes),
                        "roles": sorted(person.roles),
                    }
                    for person in where.users
                ],
                "clients": [
                    {
                        "client": paste.client,
                        "where": paste.where,
                        "paste": paste.line,
                        "needs": paste.needs,
                    }
                    for paste in _setups(where)
                ],
            }
        )

    def show_event(self, event: ServerEvent, who: str | None) -> None:
        """Write one step of the authorization server."""
        why = {"reason": event.reason, "correlation_id": event.correlation_id}
        more = why if event.decision == "refused" else {}
        self._put({"event": event.kind, "time": event.time, "who": who, **more, **event.facts})

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Write one decision."""
        self._put(
            {
                "event": event.decision,
                "time": event.time,
                "correlation_id": event.correlation_id,
                "status": event.status,
                "reason": event.reason,
                "method": event.method,
                "name": event.name,
                "who": who,
                "subject": event.subject,
                "client_id": event.client_id,
                "scopes": sorted(event.scopes),
            }
        )

    def _put(self, value: dict[str, Any]) -> None:
        self._write(self._dump(value))


def _note(paste: ClientSetup) -> str:
    place = [] if paste.where == "terminal" else [paste.where]
    need = [] if paste.needs is None else [f"needs {paste.needs}"]
    return f"   ({', '.join(place + need)})" if place or need else ""


def _keeps(where: DemoAddresses) -> str:
    if where.data is None:
        return "It forgets everything at exit."
    return f"It keeps clients and tokens in {where.data}; --fresh starts anew."


def _guard_line(own: OwnServer, issuer: str) -> str:
    """Return the lines that put the user's server behind a guard; JSON strings are Python's."""
    return (
        "  guard = Guard(\n"
        f"      resource={json.dumps(own.resource)},\n"
        f"      issuer={json.dumps(issuer)},\n"
        f"      policy=Policy(base=Rule(scopes={{{json.dumps(own.scopes[0])}}})),\n"
        "  )"
    )


def _setups(where: DemoAddresses) -> tuple[ClientSetup, ...]:
    return client_setups(where.mcp, OWN_NAME if where.own else DEMO_NAME)


def _rows(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(f"  {name}", Text(value, style="cyan"))
    return table


def _people(users: tuple[DemoUser, ...]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for title in ("  user", "password", "roles", "scopes"):
        table.add_column(title)
    for person in users:
        table.add_row(
            f"  {person.username}",
            person.password,
            " ".join(sorted(person.roles)),
            " ".join(sorted(person.scopes)) or "none",
        )
    return table
