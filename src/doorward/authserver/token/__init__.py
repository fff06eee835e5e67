"""``/token``: who asks, and what a code or a refresh token is exchanged for."""
