"""``/story``: the attempts as pages and as JSON, for operators."""

import ipaddress
import json
from collections.abc import Callable

import msgspec

from doorward.operations.story.as_json import as_json
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.hop import Attempt
from doorward.wire.address import is_loopback_host, split
from doorward.wire.asgi import Receive, Scope, Send
from doorward.wire.host_origin import only_value

PATH = "/story"
DOCUMENT = "/story.json"
_JSON = b"application/json"
_HTML = b"text/html; charset=utf-8"


class StoryEndpoint:
    """
    An ASGI application with the list of attempts, a page for each, and all of them as JSON.

    It names users and clients, so serve it only where operators alone can reach it.

    A web page could point its own host name at this address (DNS rebinding), and read the answers.
    So the Host must be an IP address or localhost, which no other web page has.

    ``name_of`` returns what a user is called, by the subject of the tokens.
    """

    def __init__(
        self,
        attempts: Attempts,
        clock: Callable[[], float],
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._attempts = attempts
        self._name_of = name_of
        self._clock = clock

    def serves(self, path: str) -> bool:
        """Return whether ``path`` is one of its own."""
        return path in (PATH, DOCUMENT) or path.startswith(PATH + "/")

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        status, kind, body = self._answer(scope)
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        if kind == _HTML:
            from doorward.operations.story.page import HEADERS

            headers += HEADERS
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})

    def _all(self) -> tuple[Attempt, ...]:
        return tuple(map(self._named, self._attempts.all()))

    def _named(self, attempt: Attempt) -> Attempt:
        return msgspec.structs.replace(attempt, user=self._name_of(attempt.user))

    def _answer(self, scope: Scope) -> tuple[int, bytes, bytes]:
        if not _is_address(only_value(scope["headers"], b"host")):
            return 421, _JSON, b'{"error":"use_an_ip_address_or_localhost"}'
        if scope["method"] not in ("GET", "HEAD"):
            return 405, _JSON, b'{"error":"method_not_allowed"}'
        path, now = scope["path"], self._clock()
        if path == DOCUMENT:
            return 200, _JSON, json.dumps(as_json(self._all(), now)).encode()
        # Most processes serve no page, and do without the template engine.
        from doorward.operations.story.page import attempt_page, list_page

        if path == PATH:
            return 200, _HTML, list_page(self._all(), now, PATH)
        attempt = self._attempts.find(path.removeprefix(PATH + "/"))
        if attempt is None:
            return 404, _JSON, b'{"error":"not_found"}'
        return 200, _HTML, attempt_page(self._named(attempt), now, PATH)


def _is_address(host: bytes | None) -> bool:
    parts = None if host is None else split(f"http://{host.decode('latin-1')}")
    if parts is None or parts.hostname is None or parts.path or parts.query or parts.fragment:
        return False
    if is_loopback_host(parts.hostname):
        return True
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return False
    return True
