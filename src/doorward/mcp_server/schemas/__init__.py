"""JSON Schemas of Python types; arguments from JSON and results to JSON. Not here: MCP methods."""
