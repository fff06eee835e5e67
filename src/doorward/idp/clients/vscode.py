"""Visual Studio Code."""

from doorward.idp.clients.client import SEEN, SEEN_LATER, ConnectionFacts, McpClient
from doorward.idp.facts import UNSOURCED, Source

_PORT = Source("https://github.com/microsoft/vscode/issues/278512", SEEN)
_ID = Source("https://github.com/microsoft/vscode/issues/308648", SEEN)
_SECRET = Source("https://github.com/microsoft/vscode/pull/317950", SEEN)
_OAUTH = Source(
    "https://github.com/microsoft/vscode/blob/05f882b02c51633f2e1e8252722f8c3b626d74a9/src/vs/base/common/oauth.ts",
    SEEN,
)
_MCP = Source(
    "https://github.com/microsoft/vscode/blob/000d38288339b1052517569a7f1a8af39ad10bba/src/vs/workbench/api/common/extHostMcp.ts",
    SEEN,
)
_GUIDE = Source("https://www.keycloak.org/securing-apps/mcp-authz-server", SEEN)
_DOCUMENT = Source("https://vscode.dev/oauth/client-metadata.json", SEEN)

_FAILED = Source("https://github.com/microsoft/vscode/issues/257415", SEEN_LATER)
_NOT_SUPPORTED = Source("https://github.com/microsoft/vscode/issues/279955", SEEN_LATER)
_FORGET = Source("https://github.com/microsoft/vscode-docs/pull/8689", SEEN_LATER)

VSCODE = McpClient(
    name="vscode",
    title="VS Code",
    redirect_uris=_PORT.says(
        (
            "http://127.0.0.1:33418/",
            "http://127.0.0.1/",
            "https://vscode.dev/redirect",
            "https://insiders.vscode.dev/redirect",
        )
    ),
    client_id=_ID.says(
        '.vscode/mcp.json: {"servers": {"NAME": {"type": "http", "url": "URL", "oauth": {"clientId": "ID"}}}}'
    ),
    client_secret=_SECRET.says("Set Client Secret, shown above clientId in the editor"),
    facts=(
        _PORT.says("If port 33418 is in use, VS Code takes another one."),
        _SECRET.suggests("oauth.clientId needs VS Code 1.116, the secret 1.122."),
        _FORGET.says(
            "The command Authentication: Remove Dynamic Authentication Providers deletes registrations that VS Code keeps."
        ),
    ),
    messages=(
        _NOT_SUPPORTED.says(
            "Dynamic Client Registration not supported",
            "The issuer registers no clients, and VS Code asks for a client id. Register it with the redirect URIs of this page.",
        ),
        _FAILED.says(
            "Dynamic registration failed",
            "The issuer refuses the registration. Its log has the reason.",
        ),
    ),
    connection=ConnectionFacts(
        user_agent=_MCP.says("Visual Studio Code/1.122.0"),
        oauth_user_agent=_MCP.says(
            "Visual Studio Code/1.122.0",
            "For metadata; what registration and token requests have is not known.",
        ),
        client_name=_MCP.suggests("Visual Studio Code"),
        timeout=UNSOURCED.suggests(60.0),
        ipv4_only=UNSOURCED.suggests(False),
        first_request=_MCP.says("POST"),
        resource_metadata=_OAUTH.says(("challenge", "path", "root")),
        resource_match=_OAUTH.says("normalized"),
        issuer_metadata=_OAUTH.says(("oauth", "openid", "openid-suffix")),
        issuer_match=_OAUTH.says(False),
        fallback=_MCP.says(
            "any",
            "If the origin has no metadata either, it tries /authorize, /token and /register.",
        ),
        registration=_GUIDE.suggests(("document", "registered", "pre-registered")),
        document=_DOCUMENT.says(
            {
                "client_id": "https://vscode.dev/oauth/client-metadata.json",
                "client_name": "Visual Studio Code",
                "client_uri": "https://vscode.dev/product",
                "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
                "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                ],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            },
            "As others copied it on 2026-09-08.",
        ),
        registration_request=_OAUTH.says(
            {
                "client_name": "Visual Studio Code",
                "client_uri": "https://code.visualstudio.com",
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                ],
                "response_types": ["code"],
                "redirect_uris": [
                    "https://insiders.vscode.dev/redirect",
                    "https://vscode.dev/redirect",
                    "http://127.0.0.1/",
                    "http://127.0.0.1:33418/",
                ],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            },
            "It leaves out grant types that the issuer does not list, and adds its scopes.",
        ),
        redirect_uri=_PORT.says("http://127.0.0.1:33418/", "Another port if it is in use."),
        scopes=_MCP.says(("challenge", "resource")),
        offline_access=_MCP.says(False),
        resource=UNSOURCED.suggests("metadata"),
        iss=UNSOURCED.suggests("never"),
        versions=UNSOURCED.suggests(("2025-11-25",)),
        refusals=_MCP.says(("http",)),
        step_up=_MCP.says(True, "After 401 and 403 with other scopes than before."),
        refresh_parameters=UNSOURCED.suggests(()),
    ),
)
