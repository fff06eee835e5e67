"""OAuth 2.1 in front of MCP servers."""
