"""Access tokens as JWTs: which issuers, which keys, which claims."""
