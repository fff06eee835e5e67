"""The journey that every stock client makes, and the record of it that a driver prints."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.e2e.exchanges import Exchanges
from tests.e2e.form_browser import FormBrowser


@dataclass(frozen=True, kw_only=True)
class Errand:
    """
    What a driver is asked to do; it comes as JSON on standard input, so no password is in argv.

    ``provider`` is the identity provider to choose where several are offered, and ``internet`` where
    simulated hosts are reached.
    """

    server: str
    username: str
    password: str
    mode: str
    admin_tool: str
    client_metadata_url: str | None = None
    client_id: str | None = None
    provider: str | None = None
    internet: str | None = None

    def browser(self) -> FormBrowser:
        """Return the browser of the person who signs in."""
        return FormBrowser(
            self.username, self.password, provider=self.provider, internet=self.internet
        )


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


def run_errands(travel: Callable[[Errand], Coroutine[Any, Any, Record]]) -> None:
    """Travel once for each line of standard input, and print each record as a line."""
    for line in sys.stdin:
        record = asyncio.run(travel(Errand(**json.loads(line))))
        print(json.dumps(asdict(record)), flush=True)
