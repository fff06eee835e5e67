"""How to connect each common MCP client to a server: a command or a snippet to paste."""

import json
from dataclasses import dataclass

from doorward.wire.shell_command import shell_command

DEMO_NAME = "doorward-demo"
OWN_NAME = "my-server"

# With its version: without, npx on an older Node takes an old Inspector that cannot sign in.
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
INSPECTOR_NODE = "22.19"


@dataclass(frozen=True)
class ClientSetup:
    """
    What to paste for one client: ``where`` names the terminal or a file, ``line`` is the text.

    ``needs`` is what the client needs on the machine.
    """

    client: str
    where: str
    line: str
    needs: str | None = None


def client_setups(url: str, name: str = DEMO_NAME) -> tuple[ClientSetup, ...]:
    """
    Return the set-up of each common client for the MCP server at ``url``.

    ``name`` is what the clients call the server.

    Taken from the clients' documentation in November 2026.
    """
    cursor = json.dumps({"mcpServers": {name: {"url": url}}})
    vscode = json.dumps({"name": name, "type": "http", "url": url})
    return (
        ClientSetup("doorward", "terminal", shell_command("doorward", "login", url)),
        ClientSetup(
            "Claude Code",
            "terminal",
            shell_command("claude", "mcp", "add", "--transport", "http", name, url),
        ),
        ClientSetup("VS Code", "terminal", shell_command("code", "--add-mcp", vscode)),
        ClientSetup("Codex", "terminal", shell_command("codex", "mcp", "add", name, "--url", url)),
        ClientSetup(
            "Gemini CLI",
            "terminal",
            shell_command("gemini", "mcp", "add", "--transport", "http", name, url),
        ),
        ClientSetup("Cursor", ".cursor/mcp.json", cursor),
        ClientSetup(
            "MCP Inspector",
            "terminal",
            shell_command("npx", INSPECTOR, "--server-url", url),
            needs=f"Node.js {INSPECTOR_NODE} or newer",
        ),
    )
