"""Stand in front of servers that cannot be changed: forward HTTP, add what browsers and MCP clients miss."""
