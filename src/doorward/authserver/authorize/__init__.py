"""From an authorization request to a code: checks, sign-in, consent, the way back."""
