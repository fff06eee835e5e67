"""From Python types to JSON Schema, and between arguments, results and JSON."""
