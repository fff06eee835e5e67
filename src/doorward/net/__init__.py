"""The only room with outgoing sockets and the clock: one guarded fetcher, single-flight caches."""
