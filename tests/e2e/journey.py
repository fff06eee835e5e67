"""The journey that every stock client makes, and the record of it that a driver prints."""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.e2e.exchanges import Exchanges
from tests.e2e.form_browser import FormBrowser


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a driver is asked to do; it comes as JSON on standard input, so no password is in argv."""

    server: str
    username: str
    password: str
    mode: str
    admin_tool: str
    client_metadata_url: str | None = None
    client_id: str | None = None


@dataclass
class Record:
    """What happened, as data. No token, code or secret is in it."""

    client: str
    protocol: str = ""
    client_id: str = ""
    registered: bool = False
    tools: list[str] = field(default_factory=list)
    total: Any = None
    admin_tool_answer: Any = None
    admin_tool_error: str | None = None
    scopes_named: str | None = None
    total_after_refresh: Any = None
    access_token_changed: bool = False
    refresh_token_changed: bool = False
    grants: list[str] = field(default_factory=list)
    pages: list[list[str]] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def conclude(self, exchanges: Exchanges, browser: FormBrowser) -> None:
        """Take over what went over the wire and what the user saw."""
        self.exchanges = exchanges.as_json()
        self.grants = exchanges.grants()
        self.registered = any(
            one.method == "POST" and one.status == 201 and not one.has_token
            for one in exchanges.seen
        )
        self.pages = [walk.pages for walk in browser.walks]
        self.answers = [sorted(walk.answer) for walk in browser.walks]


def read_errand() -> Errand:
    """Return the errand on standard input."""
    return Errand(**json.load(sys.stdin))


def print_record(record: Record) -> None:
    """Print the record as the last line of standard output."""
    print(json.dumps(asdict(record)), flush=True)
