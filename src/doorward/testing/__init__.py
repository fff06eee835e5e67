"""What users import in their own tests: a token mint, bad tokens by name."""
