"""MCP clients: how each connects, and what an administrator registers for it by hand."""

from doorward.idp.clients.chatgpt import CHATGPT
from doorward.idp.clients.claude import CLAUDE
from doorward.idp.clients.claude_code import CLAUDE_CODE
from doorward.idp.clients.client import PORT as PORT
from doorward.idp.clients.client import ConnectionFacts as ConnectionFacts
from doorward.idp.clients.client import McpClient as McpClient
from doorward.idp.clients.client import RefusalForm as RefusalForm
from doorward.idp.clients.codex import CODEX
from doorward.idp.clients.cursor import CURSOR
from doorward.idp.clients.doorward import DOORWARD
from doorward.idp.clients.gemini_cli import GEMINI_CLI
from doorward.idp.clients.inspector import INSPECTOR
from doorward.idp.clients.mcp_remote import MCP_REMOTE
from doorward.idp.clients.vscode import VSCODE

CLIENTS = (
    CLAUDE,
    CLAUDE_CODE,
    CHATGPT,
    VSCODE,
    CURSOR,
    CODEX,
    GEMINI_CLI,
    MCP_REMOTE,
    INSPECTOR,
    DOORWARD,
)
"""In the order of the pages."""
