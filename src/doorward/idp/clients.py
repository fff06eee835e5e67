"""MCP clients that an administrator registers by hand: their redirect URIs, and where to enter the id."""

from dataclasses import dataclass
from datetime import date

from doorward.idp.facts import Fact, Source
from doorward.wire.shell_command import shell_command

_SEEN = date(2026, 11, 30)
_CLAUDE = Source(
    "https://support.claude.com/en/articles/11503834-building-custom-integrations-via-remote-mcp-servers",
    _SEEN,
)
_CLAUDE_FORM = Source("https://docs.pipeshub.com/mcp/claude-ai", _SEEN)
_CLAUDE_CODE = Source("https://github.com/anthropics/claude-code/issues/66511", _SEEN)
_CLAUDE_CODE_LINE = Source("https://docs.pipeshub.com/mcp/claude-code", _SEEN)
_VSCODE = Source("https://github.com/microsoft/vscode/issues/278512", _SEEN)
_VSCODE_ID = Source("https://github.com/microsoft/vscode/issues/308648", _SEEN)
_VSCODE_SECRET = Source("https://github.com/microsoft/vscode/pull/317950", _SEEN)
_CURSOR = Source("https://glama.ai/mcp/servers/Echsecutor/idealo-proxy", _SEEN)
_CURSOR_FORM = Source("https://docs.pipeshub.com/mcp/cursor", _SEEN)
_INSPECTOR = Source(
    "https://modelcontextprotocol.io/docs/draft/tools/inspector/authorization", _SEEN
)
_OURS = Source("https://www.rfc-editor.org/rfc/rfc8252#section-7.3", _SEEN)

PORT = 8765
"""The loopback port in the examples; any free one will do, if it is registered."""


@dataclass(frozen=True, kw_only=True)
class McpClient:
    """
    What an MCP client needs where it cannot register itself.

    ``redirect_uris`` are all to be registered. ``client_id`` and ``client_secret`` say where to enter
    them in the client; ``facts`` are what else matters.
    """

    name: str
    title: str
    redirect_uris: Fact[tuple[str, ...]]
    client_id: Fact[str]
    client_secret: Fact[str]
    facts: tuple[Fact[str], ...] = ()


CLIENTS = (
    McpClient(
        name="claude",
        title="Claude (web, desktop, mobile)",
        redirect_uris=_CLAUDE.says(
            (
                "https://claude.ai/api/mcp/auth_callback",
                "https://claude.com/api/mcp/auth_callback",
            )
        ),
        client_id=_CLAUDE_FORM.says(
            "Customize > Connectors > + > Add custom connector > Advanced settings > OAuth Client ID"
        ),
        client_secret=_CLAUDE_FORM.says("OAuth Client Secret, below the id"),
        facts=(
            _CLAUDE.says(
                "Claude connects from Anthropic's cloud: the MCP server and the issuer must be on the public internet."
            ),
        ),
    ),
    McpClient(
        name="claude-code",
        title="Claude Code",
        redirect_uris=_CLAUDE_CODE.says((f"http://localhost:{PORT}/callback",)),
        client_id=_CLAUDE_CODE_LINE.says(
            f"claude mcp add --transport http --client-id ID --callback-port {PORT} NAME URL"
        ),
        client_secret=_CLAUDE_CODE_LINE.says(
            "Add --client-secret without a value: the command asks for it, or reads MCP_CLIENT_SECRET"
        ),
        facts=(_CLAUDE_CODE.says("The host is always localhost; only the port can be chosen."),),
    ),
    McpClient(
        name="vscode",
        title="VS Code",
        redirect_uris=_VSCODE.says(
            (
                "http://127.0.0.1:33418/",
                "http://127.0.0.1/",
                "https://vscode.dev/redirect",
                "https://insiders.vscode.dev/redirect",
            )
        ),
        client_id=_VSCODE_ID.says(
            '.vscode/mcp.json: {"servers": {"NAME": {"type": "http", "url": "URL", "oauth": {"clientId": "ID"}}}}'
        ),
        client_secret=_VSCODE_SECRET.says("Set Client Secret, shown above clientId in the editor"),
        facts=(
            _VSCODE.says("If port 33418 is in use, VS Code takes another one."),
            _VSCODE_SECRET.suggests("oauth.clientId needs VS Code 1.116, the secret 1.122."),
        ),
    ),
    McpClient(
        name="cursor",
        title="Cursor",
        redirect_uris=_CURSOR.says(
            (
                "http://localhost:8787/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "cursor://anysphere.cursor-mcp/oauth/callback",
            )
        ),
        client_id=_CURSOR_FORM.says(
            '.cursor/mcp.json: {"mcpServers": {"NAME": {"url": "URL", "auth": {"CLIENT_ID": "ID"}}}}'
        ),
        client_secret=_CURSOR_FORM.says('Add "CLIENT_SECRET": "SECRET" to "auth"'),
        facts=(
            _CURSOR.says(
                "The first is of the desktop, the second of the web; the third is of older versions."
            ),
            _CURSOR_FORM.says(
                'Without "scopes" in "auth", Cursor requests every scope that the server lists.'
            ),
        ),
    ),
    McpClient(
        name="inspector",
        title="MCP Inspector",
        redirect_uris=_INSPECTOR.says(
            (
                "http://127.0.0.1:6274/oauth/callback",
                "http://localhost:6274/oauth/callback",
                "http://127.0.0.1:6276/oauth/callback",
            )
        ),
        client_id=_INSPECTOR.says("Server Settings > OAuth Settings, or --client-id ID"),
        client_secret=_INSPECTOR.says("The field below the id, or --client-secret SECRET"),
        facts=(
            _INSPECTOR.says(
                "The web client uses the address in the browser's address bar; Server Settings shows it as Redirect URI. The third is of --cli and --tui."
            ),
        ),
    ),
    McpClient(
        name="doorward",
        title="doorward login",
        redirect_uris=_OURS.says((f"http://127.0.0.1:{PORT}/callback",)),
        client_id=_OURS.says(
            shell_command("doorward", "login", "URL", "--client-id", "ID", "--port", str(PORT))
        ),
        client_secret=_OURS.says("Add --client-secret-file FILE --issuer ISSUER"),
        facts=(
            _OURS.says("The client id, its secret and the port are stored for the next sign-in."),
        ),
    ),
)
"""In the order of the pages."""
