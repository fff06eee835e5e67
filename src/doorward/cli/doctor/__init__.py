"""``doorward doctor``: which hop fails, why, and who must act."""
