"""Serves a configuration: its parts, the choice between them, reloads, and the log."""
