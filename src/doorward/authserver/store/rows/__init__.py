"""Rows that several folders read and write, and the clean-up of those that ended."""
