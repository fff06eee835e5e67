"""An OpenID provider on a port of this machine that rotates strictly, and does wrong when told to."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.upstream.openid_provider import OpenIdProvider, answered
from tests.e2e.processes import free_port

SENTENCE = "Please call 555-0100"
_LONGEST = 60.0


@dataclass
class StrictProvider(OpenIdProvider):
    """
    Each refresh token works once; a second use ends the session.

    With ``grace``, the token before the newest works too, as at providers that forgive a lost answer.
    """

    grace: bool = False
    _issued: list[str] = field(default_factory=list)
    _ended: bool = False

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        tokens = super()._tokens(nonce)
        self._issued.append(tokens["refresh_token"])
        return tokens

    def _token(self, form: dict[str, str], authorization: str | None) -> FetchResponse:
        if form.get("grant_type") == "authorization_code":
            self._issued, self._ended = [], False
        elif form.get("refresh_token") not in self._issued[-2 if self.grace else -1 :]:
            self._ended = True
        if self._ended:
            return answered({"error": "invalid_grant", "error_description": SENTENCE}, 400)
        return super()._token(form, authorization)

    def refreshes(self) -> list[str]:
        """Return the refresh tokens that came."""
        return [form["refresh_token"] for _, form in self.requests if "refresh_token" in form]


@dataclass
class Gate:
    """A request that the provider holds: before it is looked at, or with its answer ready."""

    processed: bool
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        """Wait until the gate is opened."""
        self.arrived.set()
        self.opened.wait(_LONGEST)


class FaultyProvider:
    """
    The provider and its faults.

    ``faults`` has one of ``FAULTS`` by path, and ``gates`` the requests that are held.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.openid = StrictProvider(time.time, issuer=f"http://localhost:{self.port}")
        self.openid.user |= {"email": "jane@example.com", "email_verified": True}
        self.faults: dict[str, str] = {}
        self.gates: dict[str, Gate] = {}
        self.paths: list[str] = []
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):
                    provider._answer(self)

            do_POST = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def hold(self, path: str, *, processed: bool) -> Gate:
        """Hold the requests to ``path`` from now on."""
        self.gates[path] = gate = Gate(processed)
        return gate

    def mend(self) -> None:
        """Do everything right again, and answer what was held."""
        self.faults.clear()
        gates, self.gates = self.gates, {}
        for gate in gates.values():
            gate.opened.set()
        if self._server is None:
            self.start()

    def break_down(self, fault: str, path: str) -> None:
        """Do ``path`` wrong from now on."""
        if fault == "down":
            self.stop()
        elif fault == "slow":
            self.hold(path, processed=True)
        else:
            self.faults[path] = fault

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        self.paths.append(path)
        if path == "/authorize":
            back = self.openid.callback(self.openid.issuer + handler.path)
            _send(handler, 302, "text/plain", b"", location=back)
            return
        gate, fault = self.gates.get(path), self.faults.get(path)
        if gate is not None and not gate.processed:
            gate.hold()
        if fault is not None:
            FAULTS[fault](handler)
            return
        request = FetchRequest(
            method=handler.command, body=body, authorization=handler.headers.get("authorization")
        )
        try:
            answer = asyncio.run(self.openid.send(self.openid.issuer + path, request))
        except FetchFailed:
            answer = answered({"error": SENTENCE}, 404)
        if gate is not None and gate.processed:
            gate.hold()
        _send(handler, answer.status, "application/json", answer.body)


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    kind: str,
    body: bytes,
    *,
    length: int | None = None,
    location: str | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.send_header("content-length", str(len(body) if length is None else length))
    if location is not None:
        handler.send_header("location", location)
    handler.end_headers()
    handler.wfile.write(body)


_HTML = f"<html><p>{SENTENCE}</p></html>".encode()
_ERROR = json.dumps({"error": "server_error", "error_description": SENTENCE}).encode()
_CUT = b'{"access_token": "555-0100", "token_type": "Bea'
_FORM = b"access_token=555-0100&token_type=bearer&refresh_token=555-0100"

FAULTS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "html": lambda handler: _send(handler, 200, "text/html", _HTML),
    "html-403": lambda handler: _send(handler, 403, "text/html", _HTML),
    "500": lambda handler: _send(handler, 500, "application/json", _ERROR),
    "429": lambda handler: _send(handler, 429, "text/plain", SENTENCE.encode()),
    "truncated": lambda handler: _send(handler, 200, "application/json", _CUT, length=500),
    "half-json": lambda handler: _send(handler, 200, "application/json", _CUT),
    "redirect": lambda handler: _send(handler, 307, "text/plain", b"", location="/trap"),
    "form-encoded": lambda handler: _send(handler, 200, "application/x-www-form-urlencoded", _FORM),
    "endless": lambda handler: _send(handler, 200, "application/json", b" " * 300_000),
    "closed": lambda handler: handler.connection.close(),
}
"""What can stand in place of an answer. Besides: ``down``, and ``slow``, which answers when mended."""
