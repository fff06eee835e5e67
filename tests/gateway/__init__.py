"""The gateway: what is on the list goes through unharmed, and nothing else goes through."""
