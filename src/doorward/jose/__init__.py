"""JWS and JWK: keys, signing and verifying in one strict compact form. Does not judge claims."""
