"""Real processes, stock clients and raw sockets against a running ``doorward demo``."""
