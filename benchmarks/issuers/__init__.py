"""Authorization servers in turns: codes, refreshes and the other endpoints, by CPU time."""
