"""API keys: their format, their storage and their verification."""
