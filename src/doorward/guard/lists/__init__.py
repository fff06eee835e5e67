"""Lists as a caller may see them: tools of the public, descriptions, refused ones hidden."""
