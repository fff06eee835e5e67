"""JWS and JWK: one strict compact form, algorithms pinned by the caller."""
