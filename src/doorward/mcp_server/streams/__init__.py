"""Event streams, sessions and subscriptions. Not here: the MCP methods that use them."""
