"""``doorward idp``: the table, one provider, a live probe."""
