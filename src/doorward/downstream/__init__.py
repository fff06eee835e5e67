"""Get a token for the next server in the caller's name, without ever passing on the one that came in."""
