"""OAuth clients: registered, configured, or described by their own document."""
