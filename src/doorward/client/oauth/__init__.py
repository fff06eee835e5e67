"""Getting a token: discovery, registration, authorization, refresh."""
