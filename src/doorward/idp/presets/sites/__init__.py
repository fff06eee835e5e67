"""Sites where people already have an account. Most offer OAuth with an API of their own."""
