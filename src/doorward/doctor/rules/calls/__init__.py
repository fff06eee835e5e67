"""Rules on what happens with a token: calls and refresh."""
