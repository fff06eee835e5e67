"""The methods of MCP: tools, prompts, resources, completion, tasks, handshake."""
