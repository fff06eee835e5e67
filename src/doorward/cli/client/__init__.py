"""Verbs for people who call a protected server."""
