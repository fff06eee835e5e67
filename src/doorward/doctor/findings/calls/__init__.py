"""Findings that need a token."""
