"""One file per rung of the ladder: each observes, and none of them judges."""
