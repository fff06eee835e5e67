"""mcp-remote: a bridge from local clients to remote servers."""

from doorward.idp.clients.client import PORT, SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_AT = "https://github.com/geelen/mcp-remote/blob/d26e5a821ee7e266109f05871ecc2570d8a7054a/"
_PROVIDER = Source(_AT + "src/lib/node-oauth-client-provider.ts", SEEN)
_DISCOVERY = Source(_AT + "src/lib/utils.ts", SEEN)
_PACKAGE = Source(_AT + "package.json", SEEN)
_MANUAL = Source(_AT + "README.md", SEEN)

_NO_REGISTRATION = Source("https://github.com/punkpeye/mcp-remote/issues/53", SEEN_LATER)
_EXCHANGE = Source("https://github.com/punkpeye/mcp-remote/issues/74", SEEN_LATER)
_STALE = Source("https://github.com/anthropics/claude-code/issues/4760", SEEN_LATER)

MCP_REMOTE = McpClient(
    name="mcp-remote",
    title="mcp-remote",
    redirect_uris=_DISCOVERY.says((f"http://localhost:{PORT}/oauth/callback",)),
    client_id=_MANUAL.says(
        f'npx mcp-remote URL {PORT} --static-oauth-client-info \'{{"client_id": "ID"}}\''
    ),
    client_secret=_MANUAL.says('Add "client_secret": "SECRET" to the JSON'),
    facts=(_DISCOVERY.says("The port is the second argument; --host changes the host."),),
    setup=_MANUAL.says(
        '{"mcpServers": {"NAME": {"command": "npx", "args": ["mcp-remote", "URL"]}}}'
    ),
    messages=(
        _NO_REGISTRATION.says(
            "Incompatible auth server: does not support dynamic client registration",
            "The issuer registers no clients. Enter a client id.",
        ),
        _STALE.says(
            "invalid_client",
            "The issuer no longer knows the client that mcp-remote registered. Delete the folder ~/.mcp-auth; mcp-remote then registers again.",
        ),
        _EXCHANGE.suggests(
            "Token exchange failed: HTTP 400",
            "Often the same: an old registration in ~/.mcp-auth.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=UNSOURCED.suggests("node"),
        oauth_user_agent=UNSOURCED.suggests("node"),
        client_name=_DISCOVERY.says("mcp-remote"),
        timeout=_DISCOVERY.says(10.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_DISCOVERY.says("GET"),
        resource_metadata=_PACKAGE.suggests(("challenge", "path", "root")),
        resource_match=_PACKAGE.suggests("parent", "As the TypeScript SDK 1.25 compares."),
        issuer_metadata=_PACKAGE.suggests(("oauth", "openid", "openid-suffix")),
        issuer_match=_PACKAGE.suggests(False),
        fallback=_DISCOVERY.says("missing"),
        registration=_PROVIDER.says(("registered", "pre-registered")),
        registration_request=_PROVIDER.says(
            {
                "redirect_uris": ["http://localhost:{port}/oauth/callback"],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "client_name": "MCP CLI Proxy",
                "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
                "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
                "software_version": "0.1.38",
            },
            "It adds its scopes.",
        ),
        redirect_uri=_DISCOVERY.says("http://localhost:{port}/oauth/callback"),
        scopes=_PROVIDER.says(
            ("challenge", "resource", "issuer"), "Without any: openid email profile."
        ),
        offline_access=_PACKAGE.suggests(False),
        resource=_PROVIDER.says("normalized", "Older versions send none."),
        iss=_PACKAGE.suggests("never"),
        versions=_PACKAGE.suggests(("2025-11-25",)),
        refusals=_PACKAGE.suggests(("http",)),
        step_up=_PACKAGE.suggests(True),
        refresh_parameters=_PROVIDER.says(("resource",)),
    ),
)
