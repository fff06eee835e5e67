"""Pure functions from evidence to findings."""
