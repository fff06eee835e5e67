"""OAuth clients: registered, configured, or described by a client ID metadata document."""
