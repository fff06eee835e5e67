"""Set-ups that work, of usual and unusual but legal shapes."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2

from doorward.doctor.hops.metadata.resource_metadata import places
from tests.doctor.simulated_issuer import SimulatedIssuer
from tests.doctor.world import World, json_answer

TOOLS = [{"name": "add", "description": "Adds.", "inputSchema": {"type": "object"}}]


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def mcp_server(world: World, url: str | None = None, *, challenge: str | None = None) -> None:
    """Add an MCP server that requires a token at ``url``, in both forms of the path."""
    url = url or world.mcp
    metadata = places(world.mcp)[0][1]
    told = f'Bearer resource_metadata="{metadata}"' if challenge is None else challenge

    def refuse() -> httpx2.Response:
        headers = {"www-authenticate": told} if told else {}
        return json_answer({"error": "unauthorized"}, 401, headers)

    def post(request: httpx2.Request) -> httpx2.Response:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        return mcp_answer(request) if sent in world.tokens else refuse()

    paths = {url, url.rstrip("/"), url.rstrip("/") + "/"} if urlsplit(url).path != "/" else {url}
    for one in paths:
        world.on("POST", one, post)
        world.on("GET", one, lambda _request: refuse())
        world.on("DELETE", one, lambda _request: httpx2.Response(200))


def mcp_answer(request: httpx2.Request) -> httpx2.Response:
    """Return what an MCP server of both eras answers."""
    message = json.loads(request.content)
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "simulated", "version": "1"},
        },
        "tools/list": {"tools": TOOLS},
    }
    if "id" not in message:
        return httpx2.Response(202)
    result = results.get(message["method"])
    if result is None:
        error = {"code": -32601, "message": "Method not found"}
        return json_answer({"jsonrpc": "2.0", "id": message["id"], "error": error})
    return json_answer({"jsonrpc": "2.0", "id": message["id"], "result": result})


def resource_metadata(world: World, *forms_of: str, **members: Any) -> None:
    """Serve the resource metadata, at the given forms or at both."""
    document = {"resource": world.mcp, "authorization_servers": [world.issuer], **members}
    for form, url in places(world.mcp):
        if not forms_of or form in forms_of:
            world.on("GET", url, lambda _request: json_answer(document))


def issuer(
    world: World, name: str | None = None, *, kinds: str = "oauth openid", **members: Any
) -> None:
    """Add an authorization server with registration, at the well-known URLs of ``kinds``."""
    name = name or world.issuer
    base = name.rstrip("/")
    document: dict[str, Any] = {
        "issuer": name,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/jwks",
        "registration_endpoint": f"{base}/register",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "authorization_response_iss_parameter_supported": True,
        **members,
    }
    document = {name: value for name, value in document.items() if value is not None}
    world.issuers[name] = SimulatedIssuer(world, name, document)
    world.issuers[name].install(kinds)


def plain() -> World:
    """One server, and one issuer on another host."""
    world = World()
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world


def issuer_with_path() -> World:
    """An issuer with a path, as Keycloak's realms have."""
    world = World(issuer="https://login.example/realms/mcp")
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world


def same_host() -> World:
    """The MCP server is its own authorization server."""
    world = World(issuer="https://mcp.example")
    mcp_server(world)
    resource_metadata(world, "path")
    issuer(world, kinds="oauth")
    return world


def several_issuers() -> World:
    """A server that accepts two issuers."""
    world = plain()
    second = "https://other.example/tenant"
    issuer(world, second)
    resource_metadata(world, authorization_servers=[world.issuer, second])
    return world


def only_client_documents() -> World:
    """An issuer without registration, for client ID metadata documents."""
    world = World()
    mcp_server(world)
    resource_metadata(world)
    issuer(world, registration_endpoint=None, client_id_metadata_document_supported=True)
    return world


def only_registration() -> World:
    """An issuer that only registers clients, with OAuth metadata only."""
    world = World()
    mcp_server(world)
    resource_metadata(world)
    issuer(world, kinds="oauth", authorization_response_iss_parameter_supported=None)
    return world


def only_pre_registered() -> World:
    """An issuer at which an administrator creates clients, with OpenID metadata only."""
    world = World()
    mcp_server(world)
    resource_metadata(world)
    issuer(world, kinds="openid", registration_endpoint=None)
    return world


def opaque_tokens() -> World:
    """An issuer without keys: its tokens are looked up."""
    world = World()
    mcp_server(world)
    resource_metadata(world)
    issuer(world, jwks_uri=None, introspection_endpoint="https://login.example/introspect")
    world.issuers[world.issuer].opaque = True
    return world


def old_revision() -> World:
    """A server of 2025-03-26: no resource metadata, its origin is the issuer."""
    world = World(issuer="https://mcp.example")
    mcp_server(world, challenge="Bearer")
    issuer(world, kinds="oauth")
    return world


def no_url_in_challenge() -> World:
    """A challenge without resource_metadata: clients find the well-known URL themselves."""
    world = plain()
    mcp_server(world, challenge='Bearer realm="mcp", error="invalid_token"')
    return world


def endpoint_at_root() -> World:
    """An MCP endpoint without a path, whose resource ends with a slash."""
    world = World(mcp="https://mcp.example/")
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world


def resource_is_origin() -> World:
    """Resource metadata for the whole host."""
    world = plain()
    resource_metadata(world, resource="https://mcp.example")
    return world


def one_form_of_path() -> World:
    """A server that routes only the URL that it publishes."""
    world = plain()
    del world.routes["POST", world.mcp + "/"]
    return world


def event_streams() -> World:
    """A server that is open, and answers with event streams."""

    def post(request: httpx2.Request) -> httpx2.Response:
        message = json.loads(request.content)
        if "id" not in message:
            return httpx2.Response(202)
        told = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": TOOLS}})
        return httpx2.Response(
            200,
            headers={"content-type": "text/event-stream", "mcp-session-id": "one-session"},
            content=f"event: message\ndata: {told}\n\n".encode(),
        )

    world = plain()
    for url in (world.mcp, world.mcp + "/"):
        world.on("POST", url, post)
    return world


def several_challenges() -> World:
    """A challenge for DPoP beside the one for Bearer, and a scope."""
    world = plain()
    url = places(world.mcp)[0][1]
    mcp_server(
        world,
        challenge=f'DPoP algs="ES256", Bearer scope="mcp:read", resource_metadata="{url}"',
    )
    return world


def open_lists() -> World:
    """A server that lists its tools for everyone, and asks for a token at a call."""
    world = plain()
    refuse = world.routes["POST", world.mcp]

    async def post(request: httpx2.Request) -> Any:
        message = json.loads(request.content)
        if message["method"] == "tools/call":
            return refuse(request)
        return mcp_answer(request)

    world.on("POST", world.mcp, post)
    world.on("POST", world.mcp + "/", post)
    return world


def on_this_machine() -> World:
    """A server and its issuer on loopback, without TLS."""
    world = World(mcp="http://localhost:8000/mcp", issuer="http://localhost:9000")
    world.addresses["localhost"] = ("127.0.0.1", "::1")
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world


HEALTHY: tuple[Callable[[], World], ...] = (
    plain,
    issuer_with_path,
    same_host,
    several_issuers,
    only_client_documents,
    only_registration,
    only_pre_registered,
    opaque_tokens,
    old_revision,
    no_url_in_challenge,
    endpoint_at_root,
    resource_is_origin,
    one_form_of_path,
    event_streams,
    several_challenges,
    open_lists,
    on_this_machine,
)
