"""Get a token as an MCP client: discover, register, authorize, refresh."""
