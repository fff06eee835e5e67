"""MCP over Streamable HTTP: the ASGI endpoint, host check, session methods, notifications."""
