"""What the endpoint answers to one request: name, connection, CORS, edge, challenge."""
