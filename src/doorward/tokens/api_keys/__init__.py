"""API keys: how they are written, kept and verified."""
