"""Token stores: the interface, a private file, and two encrypted files."""
