"""Findings on what the server and its issuer publish."""
