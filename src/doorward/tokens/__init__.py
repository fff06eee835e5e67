"""Is this access token acceptable here? Answers an Identity or says why not."""
