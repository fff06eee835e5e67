"""The line or snippet that connects each common client to a server at a given URL."""

import json
from dataclasses import dataclass

from doorward.wire.shell_command import shell_command

NAME = "doorward-demo"


@dataclass(frozen=True)
class Paste:
    """What to paste for one client: ``where`` it goes, and the ``line`` itself."""

    client: str
    where: str
    line: str


def lines_for(url: str) -> tuple[Paste, ...]:
    """
    Return one entry for each common client, for the MCP server at ``url``.

    Seen in the clients' documentation in November 2026.
    """
    cursor = json.dumps({"mcpServers": {NAME: {"url": url}}})
    vscode = json.dumps({"name": NAME, "type": "http", "url": url})
    return (
        Paste("doorward", "terminal", shell_command("doorward", "login", url)),
        Paste(
            "Claude Code",
            "terminal",
            shell_command("claude", "mcp", "add", "--transport", "http", NAME, url),
        ),
        Paste("VS Code", "terminal", shell_command("code", "--add-mcp", vscode)),
        Paste("Codex", "terminal", shell_command("codex", "mcp", "add", NAME, "--url", url)),
        Paste(
            "Gemini CLI",
            "terminal",
            shell_command("gemini", "mcp", "add", "--transport", "http", NAME, url),
        ),
        Paste("Cursor", ".cursor/mcp.json", cursor),
        Paste(
            "MCP Inspector",
            "terminal",
            shell_command("npx", "@modelcontextprotocol/inspector", "--server-url", url),
        ),
    )
