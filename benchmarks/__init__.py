"""Doorward measured beside its peers, interleaved in one run; prints ratios."""
