"""One guarded HTTP exchange: the URL, the addresses behind its name, TLS, and limits."""
