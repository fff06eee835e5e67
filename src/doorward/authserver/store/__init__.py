"""Where the authorization server keeps things: one schema, one engine, a transaction per claim."""
