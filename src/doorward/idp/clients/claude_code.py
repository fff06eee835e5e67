"""Claude Code: a client on the user's machine."""

from doorward.idp.clients.client import PORT, SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_REDIRECT = Source("https://github.com/anthropics/claude-code/issues/66511", SEEN)
_LINE = Source("https://docs.pipeshub.com/mcp/claude-code", SEEN)
_MANUAL = Source("https://code.claude.com/docs/en/mcp", SEEN)
_USER_AGENTS = Source("https://github.com/anthropics/claude-code/issues/47390", SEEN)
_MATCH = Source("https://github.com/anthropics/claude-code/issues/76096", SEEN)
_SCOPES = Source("https://github.com/basicmachines-co/basic-memory/issues/1283", SEEN)
_STEP_UP = Source("https://github.com/anthropics/claude-code/issues/73712", SEEN)
_TESTING = Source("https://claude.com/docs/connectors/building/testing", SEEN)
_SDK = Source(
    "https://github.com/modelcontextprotocol/typescript-sdk/blob/3924de99df834302d89f5997a1b64ca268282284/packages/client/src/client/auth.ts",
    SEEN,
)
_DOCUMENT = Source("https://claude.ai/oauth/claude-code-client-metadata", SEEN)

_NO_REGISTRATION = Source("https://github.com/anthropics/claude-code/issues/67258", SEEN_LATER)
_STALE = Source("https://github.com/anthropics/claude-code/issues/84614", SEEN_LATER)
_STILL = Source("https://github.com/anthropics/claude-code/issues/37957", SEEN_LATER)

CLAUDE_CODE = McpClient(
    name="claude-code",
    title="Claude Code",
    redirect_uris=_REDIRECT.says((f"http://localhost:{PORT}/callback",)),
    client_id=_LINE.says(
        f"claude mcp add --transport http --client-id ID --callback-port {PORT} NAME URL"
    ),
    client_secret=_LINE.says(
        "Add --client-secret without a value: the command asks for it, or reads MCP_CLIENT_SECRET"
    ),
    facts=(_REDIRECT.says("The host is always localhost; only the port can be chosen."),),
    sign_in=_NO_REGISTRATION.suggests(
        "In a session, enter /mcp, choose the server, then Authenticate."
    ),
    messages=(
        _NO_REGISTRATION.says(
            "Incompatible auth server: does not support dynamic client registration",
            "The issuer registers no clients. Enter a client id; in that thread, version 2.1.172 ignored it.",
        ),
        _STALE.says(
            "Unrecognized client_id",
            "The issuer no longer knows a client that registered before, and Claude Code keeps its id in its credential store. In that thread, only deleting the entry there helped.",
        ),
        _STILL.suggests(
            "Authentication successful, but server still requires authentication",
            "The server refuses the new token. Its log has the reason code.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=_USER_AGENTS.says("claude-code/2.1.280 (cli)"),
        oauth_user_agent=_USER_AGENTS.says("", "Some firewalls refuse requests without it."),
        client_name=_TESTING.says("claude-code"),
        timeout=_MANUAL.suggests(30.0, "MCP_TIMEOUT changes it."),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_SDK.suggests("POST"),
        resource_metadata=_SDK.suggests(("challenge", "path", "root")),
        resource_match=_MATCH.suggests("exact"),
        issuer_metadata=_SDK.suggests(("oauth", "openid", "openid-suffix")),
        issuer_match=UNSOURCED.suggests(False),
        fallback=_SDK.suggests("missing"),
        registration=_MANUAL.suggests(("document", "registered", "pre-registered")),
        document=_DOCUMENT.says(
            {
                "client_id": "https://claude.ai/oauth/claude-code-client-metadata",
                "client_name": "Claude Code",
                "client_uri": "https://claude.ai",
                "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        ),
        registration_request=_SDK.suggests(
            {
                "client_name": "Claude Code",
                "redirect_uris": ["http://localhost:{port}/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        ),
        redirect_uri=_REDIRECT.says("http://localhost:{port}/callback"),
        scopes=_SCOPES.says(
            ("challenge", "resource"), "Without either, it sends no scope parameter."
        ),
        offline_access=_SCOPES.says(True),
        resource=_SDK.suggests("normalized"),
        iss=_SDK.suggests("announced"),
        versions=UNSOURCED.suggests(("2025-11-25",)),
        refusals=_SDK.suggests(("http",)),
        step_up=_STEP_UP.says(
            False, "In a tool call, 403 is shown as an expired token; /mcp signs in afterwards."
        ),
        refresh_parameters=_SDK.suggests(("resource",)),
    ),
)
