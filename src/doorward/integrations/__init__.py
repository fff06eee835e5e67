"""Frameworks behind a guard: the official SDK, FastMCP, FastAPI. Imported by name, by nobody else."""
