"""Unambiguous parsing of MCP's JSON-RPC messages and of the headers that repeat them."""
