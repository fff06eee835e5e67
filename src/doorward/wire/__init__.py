"""What RFCs and MCP put on the wire: parsed, built, compared. No sockets, clock, randomness."""
