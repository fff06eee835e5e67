"""MCP over Streamable HTTP as a FastAPI router: parse, route, validate, dispatch."""
