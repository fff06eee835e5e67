"""Sends the doctor's requests: within a budget, and only where an MCP client may send them."""
