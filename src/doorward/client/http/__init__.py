"""Requests of the client: which URLs it may ask, and how much it reads."""
