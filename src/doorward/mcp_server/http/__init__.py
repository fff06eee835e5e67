"""MCP over Streamable HTTP: endpoint, session methods, router. Not here: MCP's own methods."""
