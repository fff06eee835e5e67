"""Opaque access tokens: looked up at their issuer."""
