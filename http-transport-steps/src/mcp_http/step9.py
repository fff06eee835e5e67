"""Step 9: the server knows its user, and answers only that user.

Adds: tools that know who is calling. `whoami`, `read_notes` and the prompt `greeting` take the user
from the verified token: no argument, header or `_meta` of the request can set it. Every response
names its user, in a header and in `_meta`, and no shared cache may store it.

From the toolkit: `Guard` and `Policy`. In front of the application, they verify, decide, refuse and
serve the metadata, as steps 6 to 8 did by hand.

Still suffers: a stolen key. Anyone who copied the private key can make tokens for any user, and a
new pair of keys changes nothing until this server restarts. Step 10 gets the keys from a provider
that rotates them.
"""

import json
from typing import Any
from urllib.parse import quote

from doorward import Guard, Identity, McpServer, Policy, Rule, TrustedIssuer
from doorward.identity import SCOPE_KEY
from doorward.tokens import LocalKeys
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from doorward.wire.oauth.resource_metadata import metadata_url
from mcp_http.stage import SCOPES, new_app, publish_issuer, run
from mcp_http.tools import NOTES, TOOLS, explain, list_users

CONTAINS = {"mcp:admin": {"mcp:read", "mcp:tools", "mcp:prompts"}}
OPEN = {"/health", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"}
TOOL, PROMPT, MEMBERS = {"mcp:tools"}, {"mcp:prompts"}, {"admin", "user"}


async def whoami(user: Identity) -> dict[str, Any]:
    """Say who is calling, as the token says it."""
    return {"id": user.subject, "scopes": sorted(user.scopes), "roles": sorted(user.roles)}


async def read_notes(user: Identity) -> str:
    """Read your own notes."""
    # `user` is no argument: the schema does not name it, and who sends one is refused.
    return NOTES.get(user.subject, "")


async def greeting(user: Identity, name: str | None = None) -> str:
    """Greet somebody by name; you, if no name is given."""
    return f"Please greet {name or user.name or user.subject} warmly, in one sentence."


# The idea of this step: a response names its user.
def user_context(user: Identity) -> dict[str, Any]:
    """Return what an answer says of the user that it was made for."""
    return {"id": user.subject, "roles": sorted(user.roles)}


def with_user(body: bytes, user: Identity) -> bytes:
    """Return a JSON-RPC response with the user's context in the `_meta` of its result."""
    message = json.loads(body)
    if isinstance(message.get("result"), dict):
        meta = message["result"].setdefault("_meta", {})
        meta["mcp-step-by-step/user"] = user_context(user)
    return json.dumps(message).encode()


class UserContext:
    """Put the user's context into every answer of `app`, and keep it out of shared caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; one that the guard let through carries its user."""
        user = scope.get(SCOPE_KEY)
        if not isinstance(user, Identity):
            await self._app(scope, receive, send)
            return
        held: Message = {}

        async def send_with_user(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Held back: what is added to the body changes its length.
                held.update(message)
                return
            if held:
                headers = dict(held.pop("headers"))
                if headers.get(b"content-type") == b"application/json":
                    message["body"] = with_user(message["body"], user)
                    headers[b"content-length"] = b"%d" % len(message["body"])
                headers[b"mcp-user"] = quote(user.subject).encode()
                headers[b"cache-control"] = b"private, no-store"
                headers[b"vary"] = b"Authorization"
                await send({**held, "headers": list(headers.items())})
                held.clear()
            await send(message)

        await self._app(scope, receive, send_with_user)


def create_app(address: str = "http://localhost:9000", *others: TrustedIssuer) -> ASGIApp:
    """Step 9: the server knows its user."""
    resource = f"{address}/mcp"
    oauth = {"resource": resource, "resource_metadata": metadata_url(resource), "issuer": address}
    server = McpServer("mcp-step-by-step", version="9.0", meta={"mcp-step-by-step/oauth": oauth})
    for name in ("echo", "get_time", "countdown"):
        server.tool(scopes=TOOL, roles=MEMBERS, name=name)(TOOLS[name])
    for personal in (whoami, read_notes):
        server.tool(scopes=TOOL, roles=MEMBERS)(personal)
    server.tool(scopes=TOOL, roles={"admin"})(list_users)
    server.prompt(scopes=PROMPT, roles=MEMBERS)(greeting)
    server.prompt(scopes=PROMPT, roles=MEMBERS, name="help")(explain)

    web = new_app("MCP step by step: 9", step="9", address=address, oauth=oauth)
    keys = publish_issuer(web, address)
    trusted = TrustedIssuer(
        issuer=address, audience=resource, algorithms=("RS256",), keys=LocalKeys(lambda: keys)
    )
    policy = Policy(base=Rule(scopes={"mcp:read"}), rules=server.rules, hierarchy=CONTAINS)
    server.decide = lambda user, wanted: user is not None and policy.decide(user, wanted).allowed
    guard = Guard(
        resource=resource,
        issuers=[trusted, *others],
        policy=policy,
        scopes_supported=SCOPES,
        open_paths=OPEN,
    )

    return guard.protect(UserContext(server.in_front_of(web)))


def main() -> None:
    """Serve this step: `uv run step9`; `--env keycloak_direct.env` takes Keycloak's tokens too."""
    run(create_app, takes_provider=True)
