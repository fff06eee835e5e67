"""Clauses of the MCP authorization pages that no room tests under its own name."""
