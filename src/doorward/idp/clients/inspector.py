"""MCP Inspector."""

from doorward.idp.clients.client import SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_MANUAL = Source("https://modelcontextprotocol.io/docs/draft/tools/inspector/authorization", SEEN)
_PROVIDERS = Source(
    "https://github.com/modelcontextprotocol/inspector/blob/86d5f58ec8c369839b8237455ad8b1c17b15a984/core/auth/providers.ts",
    SEEN,
)
_SDK_AT = "https://github.com/modelcontextprotocol/typescript-sdk/blob/3924de99df834302d89f5997a1b64ca268282284/"
_SDK = Source(_SDK_AT + "packages/client/src/client/auth.ts", SEEN)
_TRANSPORT = Source(_SDK_AT + "packages/client/src/client/streamableHttp.ts", SEEN)

_DISCOVERY = Source("https://github.com/laravel/mcp/issues/89", SEEN_LATER)
_BROWSER = Source("https://github.com/routecraftjs/routecraft/issues/320", SEEN_LATER)

INSPECTOR = McpClient(
    name="inspector",
    title="MCP Inspector",
    redirect_uris=_MANUAL.says(
        (
            "http://127.0.0.1:6274/oauth/callback",
            "http://localhost:6274/oauth/callback",
            "http://127.0.0.1:6276/oauth/callback",
        )
    ),
    client_id=_MANUAL.says("Server Settings > OAuth Settings, or --client-id ID"),
    client_secret=_MANUAL.says("The field below the id, or --client-secret SECRET"),
    facts=(
        _MANUAL.says(
            "The web client uses the address in the browser's address bar; Server Settings shows it as Redirect URI. The third is of --cli and --tui."
        ),
    ),
    messages=(
        _DISCOVERY.says(
            "Failed to discover OAuth metadata",
            "The metadata is not at a place where the Inspector looks, or the browser may not read it.",
        ),
        _BROWSER.suggests(
            "Failed to fetch",
            "The Inspector runs in a browser, and a response has no CORS headers. A guard sends them; check the issuer and the proxy.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=UNSOURCED.suggests("node"),
        oauth_user_agent=UNSOURCED.suggests("node", "In the browser, the browser's own."),
        client_name=UNSOURCED.suggests("inspector-client"),
        timeout=UNSOURCED.suggests(60.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_SDK.says("POST"),
        resource_metadata=_SDK.says(("challenge", "path", "root")),
        resource_match=_SDK.says("parent"),
        issuer_metadata=_SDK.says(("oauth", "openid", "openid-suffix")),
        issuer_match=_SDK.says(True),
        fallback=_SDK.says("missing"),
        registration=_PROVIDERS.says(
            ("registered", "pre-registered"), "With a document if the user configures one."
        ),
        registration_request=_PROVIDERS.says(
            {
                "redirect_uris": ["http://localhost:6274/oauth/callback"],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "client_name": "MCP Inspector",
                "client_uri": "https://github.com/modelcontextprotocol/inspector",
                "application_type": "native",
            },
            "It adds its scopes.",
        ),
        redirect_uri=_MANUAL.says("http://localhost:6274/oauth/callback"),
        scopes=_SDK.says(("challenge", "resource")),
        offline_access=_SDK.says(True),
        resource=_SDK.says("normalized"),
        iss=_SDK.says("announced"),
        versions=UNSOURCED.suggests(("2025-11-25", "2026-07-28")),
        refusals=_TRANSPORT.says(("http",)),
        step_up=_TRANSPORT.says(True),
        refresh_parameters=_SDK.says(("resource",)),
    ),
)
