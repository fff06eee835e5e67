"""Codex: OpenAI's client on the user's machine."""

from doorward.idp.clients.client import PORT, SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_LOGIN = Source(
    "https://github.com/openai/codex/blob/18b3cfcb60746d54e5d90bb105d363d7ace1d254/codex-rs/rmcp-client/src/perform_oauth_login.rs",
    SEEN,
)
_STATUS = Source(
    "https://github.com/openai/codex/blob/08e916598345c4e0d372e3c699bd6059c5b8c000/codex-rs/rmcp-client/src/auth_status.rs",
    SEEN,
)
_RMCP = Source(
    "https://github.com/modelcontextprotocol/rust-sdk/blob/4a738b9dd99eaca418b614afa433a0cbdaf8d056/crates/rmcp/src/transport/auth.rs",
    SEEN,
)
_MANUAL = Source("https://learn.chatgpt.com/docs/extend/mcp", SEEN)
_SETTINGS = Source("https://learn.chatgpt.com/docs/config-file/config-reference", SEEN)
_LOG = Source("https://github.com/openai/codex/issues/13200", SEEN)
_SCOPES = Source("https://github.com/openai/codex/issues/15643", SEEN)
_STEP_UP = Source("https://github.com/openai/codex/issues/35253", SEEN)
_REFRESH = Source("https://github.com/openai/codex/issues/33403", SEEN)
_VERSIONS = Source("https://github.com/openai/codex/pull/35725", SEEN)
_ISS = Source("https://github.com/theam/facility/issues/235", SEEN)

_CLOSED = Source("https://github.com/openai/codex/issues/19154", SEEN_LATER)

CODEX = McpClient(
    name="codex",
    title="Codex",
    redirect_uris=_LOGIN.says(
        (f"http://127.0.0.1:{PORT}/callback/ID",), "ID is a hash of the server's URL."
    ),
    client_id=_MANUAL.suggests("codex mcp add NAME --url URL --oauth-client-id ID"),
    client_secret=_MANUAL.suggests("No field is known: register a public client"),
    facts=(
        _LOGIN.says("With mcp_oauth_callback_port in config.toml, the port is always the same."),
        _MANUAL.suggests("To see the redirect URI, run: codex mcp login NAME"),
    ),
    sign_in=_CLOSED.says("codex mcp login NAME"),
    messages=(
        _LOG.says(
            "Dynamic client registration not supported",
            "The issuer has no registration endpoint. Client ID metadata documents alone were not enough for version 0.147. Enter a client id.",
        ),
        _CLOSED.says(
            "Registration failed: Dynamic registration failed",
            "The issuer has a registration endpoint, and refuses this client there. Enter a client id.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=_LOG.says("codex-mcp-client/0.147.0"),
        oauth_user_agent=_LOG.says("codex-mcp-client/0.147.0"),
        client_name=UNSOURCED.suggests("codex-mcp-client"),
        timeout=_STATUS.says(5.0, "For metadata; startup_timeout_sec is 10 by default."),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_LOG.says("GET"),
        resource_metadata=_RMCP.says(("challenge", "path", "suffix", "root")),
        resource_match=_RMCP.says("parent"),
        issuer_metadata=_RMCP.says(("oauth", "openid", "openid-suffix", "oauth-root")),
        issuer_match=_RMCP.says(True),
        fallback=_RMCP.says("missing"),
        registration=_LOG.says(
            ("registered", "pre-registered"), "Later versions may also have a document."
        ),
        registration_request=_RMCP.says(
            {
                "client_name": "Codex",
                "redirect_uris": ["http://127.0.0.1:{port}/callback/Wm9Xb2tJ"],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
                "response_types": ["code"],
            }
        ),
        redirect_uri=_LOGIN.says("http://127.0.0.1:{port}/callback/Wm9Xb2tJ"),
        scopes=_SCOPES.says(("issuer",), "scopes in config.toml replaces them."),
        offline_access=_RMCP.says(True),
        resource=_RMCP.says("metadata"),
        iss=_ISS.says("announced"),
        versions=_VERSIONS.suggests(("2026-07-28", "2025-11-25")),
        refusals=_SETTINGS.suggests(("http",)),
        step_up=_STEP_UP.says(False),
        refresh_parameters=_REFRESH.says((), "It sends no resource."),
    ),
)
