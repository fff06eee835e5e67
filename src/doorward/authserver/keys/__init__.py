"""Signing keys, JWS, and secrets at rest."""
