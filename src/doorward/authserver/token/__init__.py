"""``/token``: client authentication and the grants."""
