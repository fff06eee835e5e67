"""Identity providers that operators can run themselves."""
