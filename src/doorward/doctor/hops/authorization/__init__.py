"""How a client gets a token: registration, authorization request, sign-in, token request."""
