"""The stock MCP Inspector, driven in a real Chromium."""
