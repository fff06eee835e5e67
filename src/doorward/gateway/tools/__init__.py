"""Tools that an operator accepted, held against what a server lists now."""
