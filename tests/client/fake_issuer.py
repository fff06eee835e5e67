"""
A small authorization server and MCP server that can be wrong in one way at a time.

It shares no code with the rooms under test beyond the standard library and Starlette, and lives in
the process: ``transport`` carries requests to it by host name.
"""

import base64
import hashlib
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2

SERVER = "https://mcp.example/mcp"
ISSUER = "https://issuer.example"


def _json(status: int, document: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.Response(status, json=document, headers=headers)


class _InProcessTransport(httpx2.AsyncBaseTransport):
    """Carries a response as a stream, as a network does."""

    def __init__(
        self,
        answer: Callable[[httpx2.Request], httpx2.Response],
        raw: dict[str, Callable[[], httpx2.Response]],
    ) -> None:
        self._answer, self._raw = answer, raw

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        if str(request.url) in self._raw:
            return self._raw[str(request.url)]()
        # A client sends the same object again with another header; what was seen stays as it was.
        seen = httpx2.Request(
            request.method, request.url, headers=request.headers.copy(), content=request.content
        )
        whole = self._answer(seen)
        stream = httpx2.ByteStream(whole.content)
        return httpx2.Response(whole.status_code, headers=whole.headers, stream=stream)


@dataclass
class FakeIssuer:
    """
    Everything a client meets. Tests change a member and look at what was ``asked``.

    ``resource`` and ``metadata`` are the two documents, ``challenge`` the Bearer parameters of a
    401. ``answer`` bends the parameters that the browser brings back, ``token`` the token response.
    """

    resource: dict[str, Any] = field(
        default_factory=lambda: {
            "resource": SERVER,
            "authorization_servers": [ISSUER],
            "scopes_supported": ["mcp:read", "mcp:tools"],
            "resource_name": "Example",
        }
    )
    metadata: dict[str, Any] = field(
        default_factory=lambda: {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "registration_endpoint": f"{ISSUER}/register",
            "revocation_endpoint": f"{ISSUER}/revoke",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["none"],
        }
    )
    challenge: dict[str, str] = field(
        default_factory=lambda: {
            "resource_metadata": "https://mcp.example/.well-known/oauth-protected-resource/mcp"
        }
    )
    answer: Callable[[dict[str, str]], dict[str, str]] = lambda parameters: parameters
    token: Callable[[dict[str, Any]], Any] = lambda document: document
    needed: frozenset[str] = frozenset({"mcp:read"})
    grantable: frozenset[str] | None = None
    holds_clients_to_their_scopes: bool = False
    revision: str = "modern"
    lifetime: int = 3600
    routes: dict[str, Callable[[httpx2.Request], httpx2.Response]] = field(default_factory=dict)
    raw: dict[str, Callable[[], httpx2.Response]] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)
    authorizations: list[dict[str, str]] = field(default_factory=list)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    live: dict[str, frozenset[str]] = field(default_factory=dict)
    refreshes: dict[str, frozenset[str]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    number: int = 0

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        """What carries a client's requests here."""
        return _InProcessTransport(self._answer, self.raw)

    def paths(self) -> list[str]:
        """Every request so far, as ``METHOD url``."""
        return [f"{request.method} {request.url}".partition("?")[0] for request in self.asked]

    def forms(self, url: str) -> list[dict[str, str]]:
        """Every form that was posted to ``url``."""
        return [
            dict(parse_qsl(request.content.decode()))
            for request in self.asked
            if str(request.url) == url
        ]

    def browser(self, url: str) -> None:
        """Be the browser and the person: sign in, consent, and come back to the listener."""
        target, parameters = self.authorize(url)
        place = urlsplit(target)
        send_request(place.port or 80, f"{place.path}?{urlencode(self.answer(parameters))}")

    def authorize(self, url: str) -> tuple[str, dict[str, str]]:
        """Return where the authorization endpoint sends the browser, and with what."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.authorizations.append(asked)
        self.number += 1
        code = f"code-{self.number}"
        self.codes[code] = asked
        return asked["redirect_uri"], {"code": code, "state": asked["state"], "iss": ISSUER}

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        url = str(request.url).partition("?")[0]
        if url in self.routes:
            return self.routes[url](request)
        known = {
            SERVER: self._mcp,
            "https://mcp.example/.well-known/oauth-protected-resource/mcp": self._resource,
            f"{ISSUER}/.well-known/oauth-authorization-server": self._metadata,
            f"{ISSUER}/register": self._register,
            f"{ISSUER}/authorize": self._authorize_page,
            f"{ISSUER}/token": self._token,
            f"{ISSUER}/revoke": self._revoke,
        }
        return known[url](request) if url in known else httpx2.Response(404)

    def _resource(self, _: httpx2.Request) -> httpx2.Response:
        return _json(200, self.resource)

    def _metadata(self, _: httpx2.Request) -> httpx2.Response:
        return _json(200, self.metadata)

    def _register(self, request: httpx2.Request) -> httpx2.Response:
        self.number += 1
        document = {**json.loads(request.content), "client_id": f"client-{self.number}"}
        self.clients[document["client_id"]] = document
        return _json(201, document)

    def _authorize_page(self, request: httpx2.Request) -> httpx2.Response:
        asked = dict(parse_qsl(request.url.query.decode()))
        known = asked["client_id"] in self.clients
        if known and self.holds_clients_to_their_scopes:
            registered = self.clients[asked["client_id"]]["scope"].split()
            if not set(asked["scope"].split()) <= set(registered):
                back = f"{asked['redirect_uri']}?error=invalid_scope&state={asked['state']}"
                return httpx2.Response(303, headers={"location": back})
        return httpx2.Response(200 if known else 400, html="<p>page</p>")

    def _revoke(self, request: httpx2.Request) -> httpx2.Response:
        self.refreshes.pop(dict(parse_qsl(request.content.decode()))["token"], None)
        return httpx2.Response(200)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = dict(parse_qsl(request.content.decode()))
        if form["grant_type"] == "refresh_token":
            scopes = self.refreshes.pop(form["refresh_token"], None)
            if scopes is None:
                return _json(400, {"error": "invalid_grant", "error_description": "\x1b[2J"})
            return self._issue(scopes)
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return _json(400, {"error": "invalid_grant"})
        if self.clients and form.get("client_id") not in self.clients:
            return _json(401, {"error": "invalid_client"})
        return self._issue(frozenset(asked.get("scope", "").split()))

    def _issue(self, scopes: frozenset[str]) -> httpx2.Response:
        self.number += 1
        access, refresh = f"access-{self.number}", f"refresh-{self.number}"
        granted = scopes if self.grantable is None else scopes & self.grantable
        self.live[access], self.refreshes[refresh] = granted, granted
        document = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "refresh_token": refresh,
            "scope": " ".join(sorted(granted)),
        }
        return _json(200, self.token(document))

    def _mcp(self, request: httpx2.Request) -> httpx2.Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.live:
            return self._refuse(401, self.challenge)
        message = json.loads(request.content)
        if not self.needed <= self.live[bearer]:
            lacking = {"error": "insufficient_scope", "scope": " ".join(sorted(self.needed))}
            return self._refuse(403, lacking)
        return _speak(self.revision, message, request)

    @staticmethod
    def _refuse(status: int, parameters: dict[str, str]) -> httpx2.Response:
        written = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return _json(
            status, {"error": "refused"}, {"WWW-Authenticate": f"Bearer {written}".strip()}
        )


def _speak(revision: str, message: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
    method, number = message["method"], message.get("id")
    modern = "mcp-method" in request.headers
    if revision == "legacy" and modern:
        return httpx2.Response(400, text="Bad Request: no session")
    if revision == "legacy-json" and modern:
        error = {"code": -32000, "message": "Bad Request: Server not initialized"}
        return _json(400, {"jsonrpc": "2.0", "error": error, "id": None})
    if method == "initialize":
        result: Any = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {}}
        body = {"jsonrpc": "2.0", "id": number, "result": result}
        return _json(200, body, {"mcp-session-id": "one"})
    if number is None:
        return httpx2.Response(202)
    if method == "tools/list":
        result = {"tools": TOOLS}
    elif message["params"]["name"] == "add":
        total = sum(message["params"]["arguments"].values())
        result = {"content": [{"type": "text", "text": str(total)}], "structuredContent": total}
    else:
        error = {"code": -32602, "message": "Unknown tool"}
        return _json(200, {"jsonrpc": "2.0", "id": number, "error": error})
    body = {"jsonrpc": "2.0", "id": number, "result": result}
    if revision == "stream":
        events = f': hello\r\n\r\nevent: message\r\ndata: {{"jsonrpc":"2.0","method":"n"}}\r\n\r\ndata: {json.dumps(body)}\r\n\r\n'
        return httpx2.Response(200, text=events, headers={"content-type": "text/event-stream"})
    return _json(200, body)


TOOLS = [
    {
        "name": "add",
        "description": "Add two numbers.",
        "inputSchema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
    {
        "name": "broken",
        "inputSchema": {
            "type": "object",
            "properties": {"x": {"type": "number", "x-mcp-header": "X"}},
        },
    },
]


def send_request(
    port: int, target: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], str]:
    """Ask the loopback listener for ``target``; return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest(method, target, skip_host=host is not None)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def without(name: str) -> Any:
    """Return what takes one member out of an answer."""
    return lambda parameters: {key: value for key, value in parameters.items() if key != name}


def null(name: str) -> Any:
    """Return what puts ``null`` into an answer."""
    return lambda parameters: {**parameters, name: None}


def changed(**changes: str) -> Any:
    """Return what puts other members into an answer."""
    return lambda parameters: {**parameters, **changes}
