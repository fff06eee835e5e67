"""What a provider signs about its user: ID tokens, logout tokens, and the account in them."""
