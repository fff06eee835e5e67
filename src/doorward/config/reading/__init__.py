"""Reads a configuration file: its lines, the kinds of values, and the table of all settings."""
