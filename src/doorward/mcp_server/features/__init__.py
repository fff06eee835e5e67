"""The methods of MCP, one file per feature. Not here: how an author's function is called."""
