"""Asking the client for input while a function runs. Not here: ``Context``, which authors call."""
