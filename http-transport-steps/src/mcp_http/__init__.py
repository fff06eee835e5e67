"""The tutorial in eleven steps: an MCP server over HTTP, and everything that protects it."""
