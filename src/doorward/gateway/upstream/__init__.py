"""The server behind the gateway: its address, credentials, the caller as it sees him, its responses."""
