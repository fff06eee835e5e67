"""What the server issues and remembers: codes, tokens, grants, consents, and requests on their way."""
