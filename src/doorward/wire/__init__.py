"""Parsers and builders for what RFCs and MCP put on the wire; no sockets, clock or randomness."""
