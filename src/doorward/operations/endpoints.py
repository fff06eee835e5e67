"""``/healthz``, ``/readyz`` and ``/metrics``, as one ASGI application."""

import json
from collections.abc import Collection
from typing import Literal

from doorward.operations.metrics import Metrics
from doorward.operations.readiness import Readiness
from doorward.operations.story.endpoint import StoryEndpoint
from doorward.wire.asgi import Receive, Scope, Send

Endpoint = Literal["healthz", "readyz", "metrics"]
EVERY_ENDPOINT: tuple[Endpoint, ...] = ("healthz", "readyz", "metrics")

_JSON = "application/json"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class OperationsEndpoints:
    """
    Says whether the process lives, what it lacks, and what it has counted.

    Serve it on an address that only operators reach. ``endpoints`` are those that it has, each at
    ``prefix`` and its name. Answers have names of checks and settings, and never a secret or a user.
    ``story`` adds the sign-in attempts, which name users.
    The Host header of the others is not checked: probes use the address of a machine, and nothing here is private
    to a browser's user.
    """

    def __init__(
        self,
        readiness: Readiness,
        metrics: Metrics | None = None,
        *,
        endpoints: Collection[Endpoint] = EVERY_ENDPOINT,
        prefix: str = "",
        story: StoryEndpoint | None = None,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._story = story
        self._paths = {f"{prefix}/{name}": name for name in endpoints}
        if metrics is None:
            self._paths.pop(f"{prefix}/metrics", None)

    @property
    def paths(self) -> frozenset[str]:
        """The paths that it answers."""
        return frozenset(self._paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
        elif scope["type"] == "http" and self._story and self._story.serves(scope["path"]):
            await self._story(scope, receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self._answer(scope)
            await _respond(scope, send, status, kind, body)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope) -> tuple[int, str, bytes]:
        endpoint = self._paths.get(scope["path"])
        if endpoint is None:
            return 404, _JSON, b'{"error":"not_found"}'
        if scope["method"] not in ("GET", "HEAD"):
            return 405, _JSON, b'{"error":"method_not_allowed"}'
        if endpoint == "healthz":
            return 200, _JSON, b'{"status":"alive"}'
        if endpoint == "metrics" and self._metrics is not None:
            return 200, _TEXT, self._metrics.exposition()
        report = await self._readiness.report()
        document = {
            "status": "ready" if report.is_ready else "not ready",
            "missing": report.missing,
            "checked": list(report.checked),
        }
        return 200 if report.is_ready else 503, _JSON, json.dumps(document).encode()


async def _respond(scope: Scope, send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode("ascii")),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
