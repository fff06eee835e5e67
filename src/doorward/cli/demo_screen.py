"""What ``doorward demo`` shows: where it is, who can sign in, and every decision as it is made."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doorward.demo.app import Whereabouts
from doorward.demo.paste import lines_for
from doorward.demo.people import PEOPLE
from doorward.guard import AuditEvent


class RichScreen:
    """For people: a page of what one needs to know, then a line for each decision."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def listening(self, where: Whereabouts) -> None:
        """Show where the demo is, who can sign in, and what to paste into each client."""
        out = self._console
        keeps = f"keeps its data in {where.data}" if where.data else "forgets everything at exit"
        out.print()
        out.print(Text.assemble(("  Doorward demo", "bold"), f"   Ctrl-C stops it; it {keeps}"))
        out.print()
        out.print(_rows(("MCP server", where.mcp), ("Authorization server", where.issuer)))
        out.print("\n  [bold]Who can sign in[/bold]")
        out.print(_people())
        if where.signs_in_as:
            out.print(
                f"\n  [yellow]Signs {where.signs_in_as} in and consents without asking,[/yellow] "
                "for whoever asks on this machine."
            )
        out.print("\n  [bold]Connect a client[/bold]")
        for paste in lines_for(where.mcp):
            place = "" if paste.where == "terminal" else f"   [dim]({paste.where})[/dim]"
            out.print(f"  [cyan]{paste.client:<14}[/cyan] ", end="")
            out.print(Text(paste.line), end="")
            out.print(place)
        out.print("\n  [dim]Every decision of the guard appears here.[/dim]")

    def decided(self, event: AuditEvent) -> None:
        """Show one decision on one line."""
        time = datetime.fromtimestamp(event.time).astimezone().strftime("%H:%M:%S")
        what = " ".join(part for part in (event.method, event.name) if part)
        line = Text(f"  {time}  ", style="dim")
        if event.decision == "served":
            line.append("✓ ", "green")
            line.append(f"{event.subject or '-':<8} {what}", "default")
        else:
            line.append("✗ ", "red")
            line.append(f"{event.subject or '-':<8} {what or '-'}  ", "default")
            line.append(f"{event.status} {event.reason}", "red")
            if event.scopes:
                line.append(f"  needs {' '.join(sorted(event.scopes))}", "default")
            line.append(f"  {event.correlation_id}", "dim")
        self._console.print(line)


class JsonScreen:
    """For programs: one JSON object on a line, first ``listening``, then one for each decision."""

    def __init__(self, dump: Callable[[Any], str], write: Callable[[str], None] = print) -> None:
        self._dump = dump
        self._write = write

    def listening(self, where: Whereabouts) -> None:
        """Write where the demo is and who can sign in."""
        self._put(
            {
                "event": "listening",
                "url": where.issuer,
                "issuer": where.issuer,
                "mcp": where.mcp,
                "data": str(where.data) if where.data else None,
                "signs_in_as": where.signs_in_as,
                "users": [
                    {
                        "username": person.username,
                        "password": person.password,
                        "scopes": sorted(person.scopes),
                        "roles": sorted(person.roles),
                    }
                    for person in PEOPLE
                ],
                "clients": [
                    {"client": paste.client, "where": paste.where, "paste": paste.line}
                    for paste in lines_for(where.mcp)
                ],
            }
        )

    def decided(self, event: AuditEvent) -> None:
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
                "subject": event.subject,
                "client_id": event.client_id,
                "scopes": sorted(event.scopes),
            }
        )

    def _put(self, value: dict[str, Any]) -> None:
        self._write(self._dump(value))


def _rows(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(f"  {name}", Text(value, style="cyan"))
    return table


def _people() -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for title in ("  user", "password", "roles", "scopes"):
        table.add_column(title)
    for person in PEOPLE:
        table.add_row(
            f"  {person.username}",
            person.password,
            " ".join(sorted(person.roles)),
            " ".join(sorted(person.scopes)) or "none",
        )
    return table
