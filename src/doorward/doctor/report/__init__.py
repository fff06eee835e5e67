"""The report of a run: text, JSON and JUnit."""
