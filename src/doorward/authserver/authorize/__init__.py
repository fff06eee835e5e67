"""``/authorize``: checks of the request, sign-in, consent, and the response to the client."""
