"""MCP clients as they connect: each runs a whole connection, and says at which hop it fails."""
