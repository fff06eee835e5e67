"""Step 8: scopes and roles decide what a caller may do.

Adds: `check_permission`. Reading needs `mcp:read`, tools need `mcp:tools`, prompts `mcp:prompts`.
The roles `admin` and `user` may use them; a `guest` may only read. A caller without a scope gets
403 with all the scopes that the operation needs, so that one sign-in is enough. Lists show only
what the caller may call. `mcp:admin` contains the other three.

From the toolkit: `resource_metadata` and `Refusals` write what step 7 wrote by hand.

Still suffers: claimed identity. The tool `read_notes` believes the name in its argument, so every
user can read everyone's notes. Step 9 prevents this.
"""

from fastapi import Depends, FastAPI, Request, Response

from doorward import Identity, McpServer, RequestRefused, TrustedIssuer
from doorward.errors import NotPermitted, ScopeMissing
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.policy import Operation
from doorward.policy.rules import CONVERSATION
from doorward.tokens import LocalKeys, Verifier
from doorward.wire.asgi import read_body
from doorward.wire.error_response import BearerChallenge
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import read_envelope
from doorward.wire.oauth import resource_metadata
from mcp_http.stage import SCOPES, new_app, publish_issuer, require_token, run
from mcp_http.tools import NOTES, PROMPTS, TOOLS, list_users, offer

CONTAINS = {"mcp:admin": {"mcp:read", "mcp:tools", "mcp:prompts"}}
# Every request needs the base. To introduce oneself and to read lists (CONVERSATION), that is all.
# Everything else also needs what is listed here: all of the scopes, and one of the roles.
# Anything without a rule is refused.
BASE = {"mcp:read"}
TOOL, PROMPT, MEMBERS = {"mcp:tools"}, {"mcp:prompts"}, {"admin", "user"}
NEEDS: dict[tuple[str, str], tuple[set[str], set[str]]] = {
    **{("tools/call", name): (TOOL, MEMBERS) for name in (*TOOLS, "read_notes")},
    ("tools/call", "list_users"): (TOOL, {"admin"}),
    **{("prompts/get", name): (PROMPT, MEMBERS) for name in PROMPTS},
}


async def read_notes(user: str) -> str:
    """Read the notes of a user."""
    return NOTES.get(user, "")


# The idea of this step: one function decides on every operation, and names all that is missing.
def check_permission(caller: Identity, operation: Operation) -> None:
    """
    Return when `caller` may do `operation`.

    Raises:
        ScopeMissing: the token lacks a scope; the client may sign in again and ask for it.
        NotPermitted: the user may not, whatever the token says. Signing in again changes nothing.
    """
    more, roles = set[str](), set[str]()
    if operation.method not in CONVERSATION:
        key = (operation.method, operation.name or "")
        if key not in NEEDS:
            raise NotPermitted(f"{operation} stands nowhere")
        more, roles = NEEDS[key]
    scopes = BASE | more
    held = caller.scopes.union(*(CONTAINS.get(scope, ()) for scope in caller.scopes))
    if not scopes <= held:
        raise ScopeMissing(f"{operation}: {sorted(held)}", frozenset(scopes))
    if roles and roles.isdisjoint(caller.roles):
        raise NotPermitted(f"{operation}: {sorted(caller.roles)}")


def shows(caller: Identity | None, operation: Operation) -> bool:
    """Say whether a list names the operation: exactly when a call of it would go through."""
    try:
        check_permission(caller, operation) if caller else None
    except RequestRefused:
        return False
    return caller is not None


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 8: scopes and roles decide what a token may do."""
    resource = f"{address}/mcp"
    metadata_url = resource_metadata.metadata_url(resource)
    oauth = {"resource": resource, "resource_metadata": metadata_url, "issuer": address}
    server = McpServer("mcp-step-by-step", version="8.0", meta={"mcp-step-by-step/oauth": oauth})
    offer(server)
    server.tool()(read_notes)
    server.tool()(list_users)
    server.decide = shows

    async def permission(request: Request) -> None:
        if request.method == "POST":
            body = await read_body(request.receive, 1024 * 1024)
            asked = read_envelope(body, request.scope["headers"])
            check_permission(request.scope[IDENTITY_KEY], Operation(asked.method, asked.name))
            # Left where the endpoint looks for it: what was judged is what is done.
            request.scope[ENVELOPE_KEY] = asked

    web = new_app("MCP step by step: 8", step="8", address=address, oauth=oauth)
    keys = publish_issuer(web, address)
    trusted = TrustedIssuer(
        issuer=address, audience=resource, algorithms=("RS256",), keys=LocalKeys(lambda: keys)
    )
    require_token(web, Verifier([trusted]), BearerChallenge(metadata_url, frozenset(BASE)))
    web.include_router(server.router("/mcp"), dependencies=[Depends(permission)])

    @web.get("/.well-known/oauth-protected-resource")
    @web.get("/.well-known/oauth-protected-resource/mcp")
    async def about_resource() -> Response:
        document = resource_metadata.build(
            resource=resource, authorization_servers=[address], scopes_supported=SCOPES
        )
        return Response(document, media_type="application/json")

    return web


def main() -> None:
    """Serve this step: `uv run step8`."""
    run(create_app)
