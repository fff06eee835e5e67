"""Checks a configuration file without serving it."""
