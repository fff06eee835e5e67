"""An author's function: signature, dependencies, context, and the call. Not here: MCP's methods."""
