"""Handlers whose requests are kept as hops of a sign-in attempt."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.http.responses import Handler
from doorward.net.client_address import address_key
from doorward.net.clock import Clock
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.hop import Hop, Party, Step, next_tick
from doorward.operations.story.notes import Notes, taking_notes

# By method and path. What is not here belongs to no sign-in, or would be every request of a key set.
_STEPS: dict[tuple[str, str], Step] = {
    ("POST", "/register"): "registration",
    ("GET", "/authorize"): "authorization",
    ("POST", "/sign-in"): "sign-in",
    ("POST", "/switch-account"): "account-switch",
    ("POST", "/sign-in/{provider}"): "to-provider",
    ("GET", "/callback/{provider}"): "callback",
    ("GET", "/consent"): "consent-page",
    ("POST", "/consent"): "consent",
    ("POST", "/token"): "token",
    ("POST", "/revoke"): "revocation",
}
_OF_CLIENTS: frozenset[Step] = frozenset(
    {"server-metadata", "registration", "token", "refresh", "revocation"}
)


class RecordedHops:
    """Wraps handlers, so that each request becomes a hop in ``attempts``; without them, nothing."""

    def __init__(
        self, attempts: Attempts | None, trusted_proxies: Sequence[str], clock: Clock
    ) -> None:
        self._attempts = attempts
        self._trusted_proxies = trusted_proxies
        self._clock = clock

    def endpoint(self, method: str, path: str, handler: Handler) -> Handler:
        """Return the handler of an endpoint below the issuer's path."""
        step = _STEPS.get((method, path))
        return handler if step is None else self._recorded(step, method, path, handler)

    def metadata(self, path: str, handler: Handler) -> Handler:
        """Return the handler of a metadata document."""
        return self._recorded("server-metadata", "GET", path, handler)

    def _recorded(self, step: Step, method: str, path: str, handler: Handler) -> Handler:
        attempts = self._attempts
        if attempts is None:
            return handler

        async def recorded(request: Request) -> Response:
            now = self._clock()
            with taking_notes(step) as notes:
                response = await handler(request)
            hop = _hop(notes, now, method, path, response.status_code)
            if hop is not None:
                attempts.add(
                    [hop, *notes.calls],
                    source=address_key(request, self._trusted_proxies),
                    ties=notes.ties,
                    client_id=notes.client_id,
                    client_name=notes.client_name,
                    user=notes.user,
                )
            return response

        return recorded


def _hop(notes: Notes, now: float, method: str, path: str, status: int) -> Hop | None:
    if notes.step is None:
        return None
    sender: Party = "client" if notes.step in _OF_CLIENTS else "browser"
    return Hop(
        step=notes.step,
        sender=sender,
        receiver="server",
        time=now,
        began=notes.began,
        ended=next_tick(),
        method=method,
        path=path,
        status=status,
        sent=tuple(notes.sent),
        answered=tuple(notes.answered),
        reason=notes.reason,
        correlation_id=notes.correlation_id,
    )
