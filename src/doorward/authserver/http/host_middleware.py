"""Middleware that refuses requests for another host."""

from starlette.requests import Request

from doorward.authserver.events import EventRecorder, request_in_progress
from doorward.authserver.http.responses import misdirected_response
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.errors import HostRefused
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.host_origin import only_value


class HostMiddleware:
    """
    Passes requests whose Host is the issuer's or an allowed one; answers 421 to all others.

    The attack is DNS rebinding: a web page points its own host name to this server. The browser
    then treats both as one site, so the page can read every response, even the code that
    ``sign_in_as`` issues without a user.

    Spec: RFC 9110 §7.2, §15.5.20
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: AuthServerSettings,
        events: EventRecorder,
        *,
        any_host: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        # Paths for probes, which name a machine by its address. Their answers are no secret.
        self._any_host = any_host
        self._events = events
        self._service = settings.service_name
        self._addresses = settings.addresses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "http" and scope["path"] not in self._any_host:
            try:
                self._addresses.require_host(only_value(scope["headers"], b"host"))
            except HostRefused as refusal:
                with request_in_progress(scope["path"]):
                    answer = misdirected_response(
                        self._events, Request(scope), self._service, refusal
                    )
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
