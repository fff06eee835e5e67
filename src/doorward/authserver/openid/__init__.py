"""OpenID Connect: what applications learn about the users who sign in to them here."""
