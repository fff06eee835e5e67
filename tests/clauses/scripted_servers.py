"""An MCP server and its authorization servers that answer a client from a script.

Every HTTP request of the client is answered from ``documents`` and ``posts`` and kept in
``sent``. The browser is simulated too: it sends the client's own listener, over a real loopback
socket, whatever ``comes_back`` makes of the request.
"""

import http.client
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from doorward.client import ClientConfig, FileStore, OAuth, SignIn, TokenStore
from doorward.client.http.http_client import HttpClient
from doorward.client.http.url_policy import UrlPolicy

SERVER = "https://mcp.example/mcp"
ISSUER = "https://as.example"
RESOURCE_METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
SERVER_METADATA = "https://as.example/.well-known/oauth-authorization-server"
CODE = "the-code"
NOW = 1_800_000_000.0

Query = dict[str, str]


def resource_document(**changed: Any) -> dict[str, Any]:
    """Return honest RFC 9728 metadata of the server."""
    return {"resource": SERVER, "authorization_servers": [ISSUER], **changed}


def server_document(issuer: str = ISSUER, **changed: Any) -> dict[str, Any]:
    """Return honest RFC 8414 metadata of ``issuer``; a change to ``None`` leaves a member out."""
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        **changed,
    }
    return {name: value for name, value in document.items() if value is not None}


class ScriptedServers:
    """The servers of one test; change a part of the script before the client calls."""

    def __init__(self, directory: Path) -> None:
        self.documents: dict[str, Any] = {
            RESOURCE_METADATA: resource_document(),
            SERVER_METADATA: server_document(),
        }
        self.challenge = f'Bearer resource_metadata="{RESOURCE_METADATA}"'
        self.needs: frozenset[str] = frozenset()
        self.token_answer: dict[str, Any] = {}
        self.grantable: frozenset[str] | None = None
        self.registration_status = 201
        self.comes_back: Callable[[Query], Mapping[str, str]] = lambda asked: {
            "code": CODE,
            "state": asked["state"],
            "iss": ISSUER,
        }
        self.sent: list[httpx2.Request] = []
        self.visits: list[Query] = []
        self.granted: dict[str, frozenset[str]] = {}
        self.token_store = TokenStore(FileStore(directory / "wallet"))
        self.client_config = ClientConfig()

    @property
    def transport(self) -> httpx2.MockTransport:
        """The transport through which the client reaches these servers."""
        return httpx2.MockTransport(self._answer)

    def http_client(self, server: str = SERVER) -> HttpClient:
        """Return what carries the client's documents."""
        return HttpClient(UrlPolicy(server), self.transport)

    def sign_in(self, server: str = SERVER) -> SignIn:
        """Return the client's sign-in, with a browser that is simulated here."""
        return SignIn(
            token_store=self.token_store,
            http_client=self.http_client(server),
            client_config=self.client_config,
            browser=self._browse,
            clock=lambda: NOW,
            timeout=5.0,
        )

    async def call(self, server: str = SERVER) -> httpx2.Response:
        """Call the server as a client that signs in when it must."""
        auth = OAuth(server, self.sign_in(server))
        async with httpx2.AsyncClient(transport=self.transport, auth=auth) as http:
            return await http.post(server, json={})

    def asked(self, method: str, url: str) -> list[httpx2.Request]:
        """Return the requests of ``method`` to ``url``, without regard to the query."""
        return [
            one for one in self.sent if one.method == method and str(one.url).split("?")[0] == url
        ]

    def forms(self, url: str = f"{ISSUER}/token") -> list[Query]:
        """Return the forms that were posted to ``url``."""
        return [dict(parse_qsl(one.content.decode())) for one in self.asked("POST", url)]

    def registrations(self, url: str = f"{ISSUER}/register") -> list[dict[str, Any]]:
        """Return the registrations that were posted to ``url``."""
        return [json.loads(one.content) for one in self.asked("POST", url)]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        # A copy, because a client that tries again with a token changes the request it sent.
        self.sent.append(
            httpx2.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
        )
        url = str(request.url).split("?")[0]
        if request.method == "GET":
            known = url in self.documents or url.endswith("/authorize")
            return _response(200 if known else 404, self.documents.get(url, {}))
        if url.endswith("/register"):
            return self._register()
        if url.endswith("/token"):
            return self._grant(dict(parse_qsl(request.content.decode())))
        return self._serve(request)

    def _register(self) -> httpx2.Response:
        if self.registration_status != 201:
            return _response(self.registration_status, {"error": "invalid_redirect_uri"})
        number = sum(str(one.url).endswith("/register") for one in self.sent)
        return _response(201, {"client_id": f"client-{number}"})

    def _grant(self, form: Query) -> httpx2.Response:
        token = f"token-{len(self.granted) + 1}"
        asked = frozenset(self.visits[-1].get("scope", "").split())
        granted = asked if self.grantable is None else asked & self.grantable
        self.granted[token] = granted
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        answer["scope"] = " ".join(sorted(granted))
        return _response(200, {**answer, **self.token_answer})

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.granted:
            return _response(401, {}, {"www-authenticate": self.challenge})
        if not self.needs <= self.granted[token]:
            wanted = " ".join(sorted(self.needs))
            said = f'Bearer error="insufficient_scope", scope="{wanted}"'
            return _response(403, {}, {"www-authenticate": said})
        return _response(200, {"served": True})

    def _browse(self, url: str) -> None:
        asked = dict(parse_qsl(urlsplit(url).query))
        self.visits.append(asked)
        back = urlsplit(asked["redirect_uri"])
        connection = http.client.HTTPConnection(back.hostname or "", back.port, timeout=5)
        try:
            connection.request("GET", f"{back.path}?{urlencode(self.comes_back(asked))}")
            connection.getresponse().read()
        finally:
            connection.close()


def _response(
    status: int, document: Any, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    # As a stream, because a body that is there at once could not be read in pieces.
    return httpx2.Response(
        status, headers=headers, stream=httpx2.ByteStream(json.dumps(document).encode())
    )
