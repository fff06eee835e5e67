"""The database: one schema, one engine, and the grants."""
