"""Endpoints that a person's browser visits: sign-in, consent, account and links."""
