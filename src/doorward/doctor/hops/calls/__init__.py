"""What a token is worth: its contents, calls, step-up, refresh, expiry."""
