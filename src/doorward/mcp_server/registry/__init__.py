"""What a server has registered: looked up by name, listed for who asks."""
