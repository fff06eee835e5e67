"""JSON-RPC messages of MCP and the headers that repeat them: read in exactly one way."""
