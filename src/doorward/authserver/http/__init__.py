"""Responses, Host checks and routes that need no framework."""
