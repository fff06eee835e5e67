"""What a running function may ask the client, in rounds or over the session."""
