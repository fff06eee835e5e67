"""The authorization server: endpoints, checks in visible order, sign-in, consent, keys, store."""
