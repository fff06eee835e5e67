"""Speaking MCP as a client: messages, sessions, events, the stdio bridge."""
