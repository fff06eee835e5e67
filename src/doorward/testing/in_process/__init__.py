"""Servers under test in this process: what answers at each URL, who signs people in, and who calls."""
