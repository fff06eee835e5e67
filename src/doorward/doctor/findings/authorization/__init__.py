"""Findings on how a client gets a token, and on what MCP clients need for it."""
