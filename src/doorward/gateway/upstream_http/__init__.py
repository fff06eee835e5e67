"""HTTP/1.1 to upstream servers: connections that are kept open, and a strict reader of responses."""
