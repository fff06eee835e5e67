"""What the server and its issuer publish: metadata documents and keys."""
