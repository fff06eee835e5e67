"""PostgreSQL: which host is writable, sessions on the driver itself, and SQLAlchemy's pool."""
