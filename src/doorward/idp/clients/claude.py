"""Claude on the web, on the desktop and on phones: all connect from Anthropic's cloud."""

from doorward.idp.clients.client import SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_HELP = Source(
    "https://support.claude.com/en/articles/11503834-building-custom-integrations-via-remote-mcp-servers",
    SEEN,
)
_FORM = Source("https://docs.pipeshub.com/mcp/claude-ai", SEEN)
_AUTHENTICATION = Source("https://claude.com/docs/connectors/building/authentication", SEEN)
_LAZY = Source("https://claude.com/docs/connectors/building/lazy-authentication", SEEN)
_TROUBLE = Source("https://claude.com/docs/connectors/building/troubleshooting", SEEN)
_TESTING = Source("https://claude.com/docs/connectors/building/testing", SEEN)
_USER_AGENT = Source("https://github.com/anthropics/claude-ai-mcp/issues/49", SEEN)
_NO_USER_AGENT = Source("https://github.com/anthropics/claude-ai-mcp/issues/923", SEEN)
_ISSUER_IGNORED = Source("https://github.com/anthropics/claude-ai-mcp/issues/341", SEEN)
_SECRET = Source("https://github.com/anthropics/claude-ai-mcp/issues/5", SEEN)
_REFRESH = Source("https://github.com/anthropics/claude-ai-mcp/issues/680", SEEN)
_DOCUMENT = Source("https://claude.ai/oauth/mcp-oauth-client-metadata", SEEN)

_CALLBACK = "https://claude.ai/api/mcp/auth_callback"

_MANY_CAUSES = Source("https://github.com/anthropics/claude-ai-mcp/issues/100", SEEN_LATER)
_UNREACHED = Source("https://github.com/anthropics/claude-ai-mcp/issues/200", SEEN_LATER)
_NO_SERVER = Source("https://github.com/anthropics/claude-ai-mcp/issues/951", SEEN_LATER)

CLAUDE = McpClient(
    name="claude",
    title="Claude (web, desktop, mobile)",
    redirect_uris=_HELP.says((_CALLBACK, "https://claude.com/api/mcp/auth_callback")),
    client_id=_FORM.says(
        "Customize > Connectors > + > Add custom connector > Advanced settings > OAuth Client ID"
    ),
    client_secret=_FORM.says("OAuth Client Secret, below the id"),
    facts=(
        _HELP.says(
            "Claude connects from Anthropic's cloud: the MCP server and the issuer must be on the public internet."
        ),
    ),
    setup=_FORM.says("Customize > Connectors > + > Add custom connector: enter the URL."),
    messages=(
        _MANY_CAUSES.says(
            "Authorization with the MCP server failed",
            "One sentence for many causes. Often the sign-in worked, and a firewall then answers 403 to the first call with a token: the server's log does not have that call.",
        ),
        _UNREACHED.says(
            "Couldn't reach the MCP server",
            "The request did not arrive, or the registration failed. Every address of the host must be public, and one must be an IPv4 address.",
        ),
        _NO_SERVER.suggests(
            "Your account was authorized, but no MCP server was found at the provided URL",
            "The sign-in worked, and the URL in the connector is not the endpoint. Enter the server's resource, with its path.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=_USER_AGENT.says(
            "Claude-User", "Managed rules of CDNs against AI bots refuse it."
        ),
        oauth_user_agent=_NO_USER_AGENT.says("", "Some firewalls refuse requests without it."),
        client_name=_TESTING.says("claude-ai", "Some requests have Anthropic instead."),
        timeout=_AUTHENTICATION.suggests(10.0, "A refresh may take 30 seconds."),
        ipv4_only=_TROUBLE.says(True, "Every address of the host must be public."),
        first_request=UNSOURCED.suggests("POST"),
        resource_metadata=_AUTHENTICATION.suggests(("challenge", "path", "root")),
        resource_match=_AUTHENTICATION.suggests("exact", "With the URL as the user typed it."),
        issuer_metadata=_AUTHENTICATION.suggests(("oauth", "openid", "openid-suffix")),
        issuer_match=UNSOURCED.suggests(False),
        fallback=_ISSUER_IGNORED.suggests("missing"),
        registration=_AUTHENTICATION.says(
            ("document", "registered", "pre-registered"),
            "The document needs none among token_endpoint_auth_methods_supported.",
        ),
        document=_DOCUMENT.says(
            {
                "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
                "client_name": "Claude",
                "redirect_uris": [_CALLBACK],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ],
                "token_endpoint_auth_method": "none",
            }
        ),
        registration_request=_SECRET.suggests(
            {
                "client_name": "Claude",
                "redirect_uris": [_CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_post",
            }
        ),
        redirect_uri=_HELP.says(_CALLBACK),
        scopes=_LAZY.says(("challenge", "resource")),
        offline_access=_LAZY.says(True),
        resource=_AUTHENTICATION.suggests("metadata"),
        iss=UNSOURCED.suggests("announced"),
        versions=_AUTHENTICATION.suggests(("2025-11-25", "2025-06-18", "2025-03-26")),
        refusals=_LAZY.says(("http",), "A tool result with isError is shown to the model."),
        step_up=_LAZY.says(True, "After 403 with insufficient_scope."),
        refresh_parameters=_REFRESH.suggests(
            ("resource",), "Refreshes on a schedule, even tokens that it never used."
        ),
    ),
)
