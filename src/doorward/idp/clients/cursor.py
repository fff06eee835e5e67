"""Cursor."""

from doorward.idp.clients.client import SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_URIS = Source("https://glama.ai/mcp/servers/Echsecutor/idealo-proxy", SEEN)
_FORM = Source("https://docs.pipeshub.com/mcp/cursor", SEEN)
_MANUAL = Source("https://cursor.com/docs/context/mcp", SEEN)
_LOOPBACK = Source(
    "https://forum.cursor.com/t/oauth-redirect-uri-changed-from-cursor-to-http-localhost-for-streamable-http-mcp/165019",
    SEEN,
)
_NO_DOCUMENT = Source(
    "https://forum.cursor.com/t/mcp-oauth-cimd-support-plans-and-timelines/148096", SEEN
)
_REGISTRATION = Source("https://github.com/erp-mafia/accounted/pull/2225", SEEN)
_SDK = Source(
    "https://github.com/modelcontextprotocol/typescript-sdk/blob/3924de99df834302d89f5997a1b64ca268282284/packages/client/src/client/auth.ts",
    SEEN,
)

_CALLBACK = "http://localhost:8787/callback"

_NO_REGISTRATION = Source("https://github.com/freema/openclaw-mcp/issues/24", SEEN_LATER)

CURSOR = McpClient(
    name="cursor",
    title="Cursor",
    redirect_uris=_URIS.says(
        (
            _CALLBACK,
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        )
    ),
    client_id=_FORM.says(
        '.cursor/mcp.json: {"mcpServers": {"NAME": {"url": "URL", "auth": {"CLIENT_ID": "ID"}}}}'
    ),
    client_secret=_FORM.says('Add "CLIENT_SECRET": "SECRET" to "auth"'),
    facts=(
        _URIS.says(
            "The first is of the desktop, the second of the web; the third is of older versions."
        ),
        _FORM.says(
            'Without "scopes" in "auth", Cursor requests every scope that the server lists.'
        ),
    ),
    messages=(
        _NO_REGISTRATION.says(
            "Incompatible auth server: does not support dynamic client registration",
            "The issuer registers no clients. Enter a client id.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=UNSOURCED.suggests("Cursor/3.10.17"),
        oauth_user_agent=UNSOURCED.suggests("node"),
        client_name=UNSOURCED.suggests("cursor-vscode"),
        timeout=UNSOURCED.suggests(60.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_SDK.suggests("POST"),
        resource_metadata=_SDK.suggests(("challenge", "path", "root")),
        resource_match=_SDK.suggests("parent"),
        issuer_metadata=_SDK.suggests(("oauth", "openid", "openid-suffix")),
        issuer_match=UNSOURCED.suggests(False),
        fallback=_SDK.suggests("missing"),
        registration=_NO_DOCUMENT.says(("registered", "pre-registered")),
        registration_request=_REGISTRATION.says(
            {
                "client_name": "Cursor",
                "redirect_uris": [
                    "cursor://anysphere.cursor-mcp/oauth/callback",
                    "https://www.cursor.com/agents/mcp/oauth/callback",
                    _CALLBACK,
                ],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            },
            "An issuer that does not know one of the three refuses all.",
        ),
        redirect_uri=_LOOPBACK.says(_CALLBACK, "Since 3.10.17, for servers with streamable HTTP."),
        scopes=_MANUAL.suggests(("issuer",)),
        offline_access=UNSOURCED.suggests(False),
        resource=_SDK.suggests("normalized"),
        iss=UNSOURCED.suggests("never"),
        versions=UNSOURCED.suggests(("2025-11-25",)),
        refusals=_SDK.suggests(("http",)),
        step_up=UNSOURCED.suggests(False),
        refresh_parameters=_SDK.suggests(("resource",)),
    ),
)
