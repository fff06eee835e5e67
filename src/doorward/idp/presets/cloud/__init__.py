"""Identity services of the large clouds."""
