"""One audit event per decision, and where it is written."""
