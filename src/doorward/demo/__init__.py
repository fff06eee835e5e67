"""An authorization server, a guard and an MCP server in one process on this machine."""
