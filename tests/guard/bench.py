"""A guarded application on the bench: its issuer, its clock, what it saw and what was written down."""

import json
from collections.abc import Collection
from typing import Any

import httpx2

from doorward.guard import AuditEvent, Guard
from doorward.identity import SCOPE_KEY, Identity, current_identity
from doorward.policy import EVERY, Policy, Rule
from doorward.testing.mint import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from doorward.wire.asgi import Message, Receive, Scope, Send
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope

RESOURCE = "https://mcp.example/mcp"
METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
ISSUER = "https://issuer.example"
NOW = 1_800_000_000.0
MINT = TokenMint(issuer=ISSUER, audience=RESOURCE, clock=lambda: NOW)

POLICY = Policy(
    base=Rule(scopes=frozenset({"mcp:read"})),
    rules={
        ("tools/call", EVERY): Rule(scopes=frozenset({"mcp:tools"})),
        ("tools/call", "audit"): Rule(
            scopes=frozenset({"mcp:tools", "mcp:admin"}), roles=frozenset({"admin"})
        ),
    },
)


class Bench:
    """
    A guard, the application behind it, and everything that happened.

    ``seen`` are the scopes of requests that reached the application, ``events`` what the guard
    wrote down. The application answers with the subject of its caller.
    """

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.seen: list[Scope] = []
        self.bodies: list[bytes] = []
        self.callers: list[Identity | None] = []
        self.events: list[AuditEvent] = []
        self.headers: list[tuple[bytes, bytes]] = []
        given: dict[str, Any] = {
            "resource": RESOURCE,
            "policy": POLICY,
            "issuers": [trusted()],
            "clock": lambda: self.now,
            "audit": self.events.append,
            **options,
        }
        self.guard = Guard(**given)
        self.guarded = self.guard.protect(self.app)
        origin = self.guard.resource.split("/", 3)
        self.base = "/".join(origin[:3])
        self.path = "/" + "/".join(origin[3:])

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the subject of the caller, and record the request."""
        if scope["type"] == "lifespan":
            return
        self.seen.append(scope)
        self.callers.append(current_identity())
        self.bodies.append(await whole_body(receive) if scope["method"] == "POST" else b"")
        caller: Identity | None = scope.get(SCOPE_KEY)
        body = (caller.subject if caller else "nobody").encode()
        length = (b"content-length", str(len(body)).encode())
        await send(
            {"type": "http.response.start", "status": 200, "headers": [length, *self.headers]}
        )
        await send({"type": "http.response.body", "body": body})

    def client(self) -> httpx2.AsyncClient:
        """Return a client that speaks to the guarded application in this process."""
        transport = httpx2.ASGITransport(self.guarded)
        return httpx2.AsyncClient(transport=transport, base_url=self.base)

    async def ask(
        self, method: str = "POST", path: str | None = None, **options: Any
    ) -> httpx2.Response:
        """Send one request."""
        async with self.client() as client:
            return await client.request(method, self.path if path is None else path, **options)

    async def call(
        self, tool: str = "add", token: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Call a tool as a client of a legacy protocol revision does."""
        sent = bearer(token) if token is not None else {}
        return await self.ask(json=message("tools/call", name=tool), headers={**sent, **headers})

    @property
    def envelope(self) -> Envelope:
        """The envelope of the last request that reached the application."""
        found: Envelope = self.seen[-1][ENVELOPE_KEY]
        return found


async def whole_body(receive: Receive) -> bytes:
    """Return the body as the application gets it."""
    parts: list[bytes] = []
    more = True
    while more:
        part: Message = await receive()
        parts.append(part.get("body", b""))
        more = part.get("more_body", False)
    return b"".join(parts)


def trusted(mint: TokenMint = MINT, audience: str = RESOURCE) -> TrustedIssuer:
    """Return the mint as a trusted issuer with local keys."""
    keys = LocalKeys(mint.jwks, clock=lambda: NOW)
    return TrustedIssuer(issuer=mint.issuer, audience=audience, algorithms=("ES256",), keys=keys)


def token(*scopes: str, roles: Collection[str] = (), **claims: Any) -> str:
    """Return a good token of alice with these scopes."""
    return MINT.mint("alice", scopes=scopes, roles=roles, **claims)


def bearer(value: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"authorization": f"Bearer {value}"}


def message(method: str, **params: Any) -> dict[str, Any]:
    """Return a request of a legacy protocol revision."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def modern(method: str, **params: Any) -> dict[str, Any]:
    """Return a request of 2026-07-28."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return message(method, _meta=meta, **params)


def routing(method: str, name: str | None = None) -> dict[str, str]:
    """Return the headers that go with a request of 2026-07-28."""
    sent = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    return sent if name is None else {**sent, "mcp-name": name}


def error(answer: httpx2.Response) -> dict[str, Any]:
    """Return the error of a refusal."""
    found: dict[str, Any] = json.loads(answer.content)["error"]
    return found


def challenge(answer: httpx2.Response) -> str:
    """Return the challenge of a refusal."""
    found: str = answer.headers["www-authenticate"]
    return found
