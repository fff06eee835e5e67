"""Providers as their recorded documents and reports have them, on this machine."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

RECORDED = Path(__file__).parent / "recorded"
_ORIGIN = re.compile(r"https?://[^/\"]+")
OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """
    One provider: which recorded document it answers at which path, and how else it answers.

    ``posts`` are the status and error code for each path that is posted to; others answer 404.
    ``second`` are the answers in their place to a registration that is nearly a valid one.
    ``deletes`` are the paths that may be deleted.
    """

    name: str
    documents: Mapping[str, str]
    issuer: str = ""
    posts: Mapping[str, tuple[int, Mapping[str, object]]] = field(default_factory=dict)
    second: Mapping[str, tuple[int, Mapping[str, object]]] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    changes: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Seen:
    """What was asked of a simulated provider."""

    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)


def recorded(file: str, base: str) -> dict[str, object]:
    """Return a recorded document whose every address is at ``base``."""
    text = (RECORDED / file).read_text("utf-8").replace("<logto-url>", "https://logto.example")
    document: dict[str, object] = json.loads(_ORIGIN.sub(base, text))
    return document


def simulate(provider: Simulated, base: str, seen: Seen) -> Starlette:
    """Return ``provider`` as an application that is reached at ``base``."""

    async def answer(request: Request) -> Response:
        path = request.url.path
        sent = await request.body()
        seen.requests.append((request.method, path, sent))
        if "authorization" in request.headers:
            seen.authorizations.append(request.headers["authorization"])
        if request.method == "GET" and path in provider.documents:
            document = {**recorded(provider.documents[path], base), **provider.changes}
            return JSONResponse({**document, **_issuer(provider, base)})
        if request.method == "POST" and path in provider.posts:
            nearly = path in provider.second and b"no-such-method" not in sent
            status, body = (provider.second if nearly else provider.posts)[path]
            return JSONResponse(json.loads(json.dumps(body).replace("BASE", base)), status)
        if request.method == "DELETE" and path in provider.deletes:
            return Response(status_code=204)
        return Response(status_code=404)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])])


def _issuer(provider: Simulated, base: str) -> dict[str, object]:
    # Partial recordings lack it; the others name it themselves.
    return {"issuer": base + provider.issuer} if provider.issuer else {}


def path_of(file: str, member: str) -> str:
    """Return the path of an endpoint in a recorded document."""
    document = recorded(file, "http://localhost")
    return urlsplit(str(document[member])).path
