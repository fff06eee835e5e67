"""Send requests to the server of a model, and ask the oracle about all that ran and was answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from tests.rules.asgi import Answer, Request, send, started
from tests.rules.fastmcp_server import fastmcp
from tests.rules.guards import Callers
from tests.rules.handlers import bare, low_level
from tests.rules.messages import INITIALIZE, conforming
from tests.rules.model import Execution
from tests.rules.oracle import allowed, may_reach
from tests.rules.recording import Recorder, words_for
from tests.rules.requests import Drawn, Example
from tests.rules.servers import Served, own, sdk
from tests.rules.web_server import web

SERVERS = {
    "own": own,
    "sdk": sdk,
    "low-level": low_level,
    "fastmcp": fastmcp,
    "fastapi": web,
    "bare": bare,
}
"""Each kind of server."""


@dataclass
class Count:
    """
    How much was tried: servers, of which some refuse to start, and requests by their outcome.

    ``refused`` counts those that ran nothing and got an answer of the class 4xx.
    """

    servers: int = 0
    not_started: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    ran: int = 0
    refused: int = 0

    def __str__(self) -> str:
        unstarted = "".join(f", {n} not started: {why}" for why, n in self.not_started.items())
        return (
            f"{self.servers} servers{unstarted}; {self.requests} requests: "
            f"{self.ran} ran something, {self.refused} were refused"
        )


class Checked:
    """A running server of a model; ``wrong`` is all that it did against the rules."""

    def __init__(self, served: Served, callers: Callers, recorder: Recorder, count: Count) -> None:
        self.served = served
        self.model = served.model
        self.callers = callers
        self.wrong: list[str] = []
        self._recorder = recorder
        self._count = count
        self._sessions: dict[bytes, bytes] = {}

    async def open_sessions(self) -> None:
        """Open a session of a legacy protocol revision for each caller, where the server has any."""
        for token in self.callers:
            drawn = Drawn(token, "initialize", INITIALIZE, version="2025-11-25")
            answer, _ = await self.ask(token, drawn.request({}))
            if answer.session is not None:
                self._sessions[token] = answer.session

    async def send(self, drawn: Sequence[Drawn]) -> None:
        """Send what was drawn."""
        for one in drawn:
            await self.ask(one.token, one.request(self._sessions))

    async def conforming(
        self, token: bytes, method: str, params: Mapping[str, Any]
    ) -> tuple[Answer, list[Execution]]:
        """Send a request as a conforming client does."""
        return await self.ask(token, conforming(token, method, params))

    async def ask(
        self, token: bytes, request: Request, meanwhile: Any = None
    ) -> tuple[Answer, list[Execution]]:
        """Send one request, check what ran and what was answered, and return both."""
        before = len(self._recorder.executions)
        answer = await send(self.served.app, request, meanwhile)
        ran = self._recorder.executions[before:]
        self._count.requests += 1
        self._count.ran += bool(ran)
        self._count.refused += not ran and 400 <= answer.status < 500
        sender = self._sender(request)
        self.wrong += self._ran_wrongly(sender, ran)
        self.wrong += self._answered_wrongly(sender, answer)
        return answer, ran

    def _sender(self, request: Request) -> Identity | None:
        """Return whom the one well-formed token of a request names."""
        given = [value for name, value in request.headers if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        return self.callers.get(token) if scheme.lower() == b"bearer" else None

    def _ran_wrongly(self, sender: Identity | None, ran: Sequence[Execution]) -> Iterator[str]:
        for one in ran:
            # With the rules that its server's model has for it.
            known = replace(one, component=self.model.marked(one.component.marker))
            what = f"{known.component.kind} {known.component.name} {dict(one.values)}"
            if one.caller is None or sender is None:
                yield f"{what} ran for nobody"
            elif one.caller != sender:
                yield f"{what} ran as {one.caller.key} for {sender.key}"
            elif one.is_completion and not may_reach(self.model, sender, known.component):
                yield f"{what} was completed against the rules"
            elif not one.is_completion and not allowed(self.model, known):
                yield f"{what} ran against the rules"

    def _answered_wrongly(self, sender: Identity | None, answer: Answer) -> Iterator[str]:
        text = answer.body.decode("utf-8", "replace")
        for one in self.model.components:
            if one.marker in text and not may_reach(self.model, sender, one):
                yield f"{one.kind} {one.name} is in an answer"
        for other in self.callers.values():
            if words_for(other) != words_for(sender) and words_for(other) in text:
                yield f"an answer for {words_for(other)} went to {words_for(sender)}"


async def check(example: Example, count: Count) -> list[str]:
    """Start the server of an example, send its requests, and return what it did wrong."""
    from tests.rules.agreement import Agreement

    model, requests = example.model, example.requests
    recorder = Recorder()
    count.servers += 1
    try:
        served = SERVERS[example.kind](model, example.callers, recorder)
        async with started(served.app):
            checked = Checked(served, example.callers, recorder, count)
            if not requests:
                return [*await Agreement(checked).disagreements(), *checked.wrong]
            if any(one.session is not None for one in requests):
                await checked.open_sessions()
            await checked.send(requests)
            return checked.wrong
    except (ConfigurationError, ExceptionGroup) as error:
        reason = _reason(error)
        count.not_started[reason] = count.not_started.get(reason, 0) + 1
        return []


def _reason(error: Exception) -> str:
    """Return why a server does not start. Raises: ``error``, if it is no refusal to start."""
    if isinstance(error, ConfigurationError):
        return error.reason
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return _reason(error.exceptions[0])
    raise error
