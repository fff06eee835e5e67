"""Gemini CLI."""

from doorward.idp.clients.client import PORT, SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_AT = "https://github.com/google-gemini/gemini-cli/blob/5411f113cafae26161b4969b0237b8e1e024e2c2/"
_PROVIDER = Source(_AT + "packages/core/src/mcp/oauth-provider.ts", SEEN)
_DISCOVERY = Source(_AT + "packages/core/src/mcp/oauth-utils.ts", SEEN)
_FLOW = Source(_AT + "packages/core/src/utils/oauth-flow.ts", SEEN)
_CLIENT = Source(_AT + "packages/core/src/tools/mcp-client.ts", SEEN)
_MANUAL = Source("https://geminicli.com/docs/tools/mcp-server/", SEEN)

_NO_DISCOVERY = Source("https://github.com/google-gemini/gemini-cli/issues/19068", SEEN_LATER)
_NO_ISSUER = Source("https://github.com/google-gemini/gemini-cli/issues/13643", SEEN_LATER)
_ONE_BY_ONE = Source("https://github.com/google-gemini/gemini-cli/issues/12551", SEEN_LATER)

GEMINI_CLI = McpClient(
    name="gemini-cli",
    title="Gemini CLI",
    redirect_uris=_FLOW.says((f"http://localhost:{PORT}/oauth/callback",)),
    client_id=_MANUAL.says(
        f'settings.json: {{"mcpServers": {{"NAME": {{"httpUrl": "URL", "oauth": {{"clientId": "ID", "redirectUri": "http://localhost:{PORT}/oauth/callback"}}}}}}}}'
    ),
    client_secret=_MANUAL.says('Add "clientSecret": "SECRET" to "oauth"'),
    facts=(
        _FLOW.says("Without redirectUri, the port is another one each time."),
        _ONE_BY_ONE.says(
            "With several servers, sign in to one after the other: their redirects can be mixed up."
        ),
    ),
    sign_in=_NO_ISSUER.says("/mcp auth NAME"),
    messages=(
        _NO_DISCOVERY.suggests(
            "Failed to discover OAuth configuration from MCP server",
            "Gemini CLI finds neither a challenge nor metadata, or cannot reach the server.",
        ),
        _NO_ISSUER.suggests(
            "Failed to fetch authorization server metadata for client registration",
            "The issuer has no metadata, or no registration endpoint in it. Enter a client id in settings.json.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=UNSOURCED.suggests("node"),
        oauth_user_agent=UNSOURCED.suggests("node"),
        client_name=_CLIENT.says("gemini-cli-mcp-client"),
        timeout=UNSOURCED.suggests(600.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_PROVIDER.says("HEAD"),
        resource_metadata=_DISCOVERY.says(("challenge", "path", "root")),
        resource_match=_DISCOVERY.says("normalized"),
        issuer_metadata=_DISCOVERY.says(
            ("oauth", "openid", "openid-suffix", "oauth-root", "openid-root")
        ),
        issuer_match=_DISCOVERY.says(False),
        fallback=_DISCOVERY.says("missing"),
        registration=_PROVIDER.says(("registered", "pre-registered")),
        registration_request=_PROVIDER.says(
            {
                "client_name": "Gemini CLI MCP Client",
                "redirect_uris": ["http://localhost:{port}/oauth/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            },
            "It adds its scopes.",
        ),
        redirect_uri=_FLOW.says("http://localhost:{port}/oauth/callback"),
        scopes=_DISCOVERY.says(("issuer",), "scopes in settings.json replaces them."),
        offline_access=_DISCOVERY.says(False),
        resource=_DISCOVERY.says("url"),
        iss=_FLOW.says("never"),
        versions=UNSOURCED.suggests(("2025-11-25",)),
        refusals=_CLIENT.says(("http",), "401 alone, when it connects."),
        step_up=_CLIENT.suggests(False),
        refresh_parameters=_FLOW.says(("resource",), "And scope, if settings.json has scopes."),
    ),
)
