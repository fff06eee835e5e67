"""Calls that wait for a client, in a revision in which a question ends the request."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from doorward.gateway.stdio.child_session import Call, ChildSession, Event
from doorward.mcp_server.refusals import InvalidParams

_MEMBER = "call"


@dataclass(frozen=True)
class Parked:
    """A call of the process, and the question that it waits for, if it asked one."""

    session: ChildSession
    call: Call
    question: Event | None = None
    timer: asyncio.TimerHandle | None = None


class ParkedCalls:
    """
    The calls of one user that wait for an answer, for ``seconds`` each.

    The client carries the number of its call in its request state, which is sealed for the caller,
    the method, the name and the arguments. An answer claims its call: it is delivered once.

    Spec: MCP 2026-07-28, basic/patterns/mrtr
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._parked: dict[str, Parked] = {}
        self._expiring: set[asyncio.Future[None]] = set()

    def claim(self, state: dict[str, Any]) -> Parked | None:
        """
        Return the call that this request continues; ``None`` for a new one, which gets its number.

        Raises:
            InvalidParams: the call has ended, or was continued before.
        """
        number = state.get(_MEMBER)
        if number is None:
            state[_MEMBER] = secrets.token_hex(16)
            return None
        parked = self._parked.pop(number, None)
        if parked is None or not parked.session.alive:
            raise InvalidParams("This call has ended. Send it again without requestState.")
        if parked.timer is not None:
            parked.timer.cancel()
        return parked

    def park(
        self, state: dict[str, Any], session: ChildSession, call: Call, question: Event
    ) -> None:
        """Keep a call until its client answers."""
        number = state[_MEMBER]
        timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, number)
        self._parked[number] = Parked(session, call, question, timer)

    def close(self) -> None:
        """Forget every call."""
        for parked in self._parked.values():
            if parked.timer is not None:
                parked.timer.cancel()
        self._parked.clear()

    def __len__(self) -> int:
        """Return how many calls wait."""
        return len(self._parked)

    def _expire(self, number: str) -> None:
        parked = self._parked.pop(number)
        task = asyncio.ensure_future(parked.session.cancel(parked.call))
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)
