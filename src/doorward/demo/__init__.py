"""All three parties in one process on this machine: the authorization server, the guard, a server."""
