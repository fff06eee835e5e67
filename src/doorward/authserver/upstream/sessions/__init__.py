"""Sessions at the provider: its tokens for a grant, checked again while the grant is used."""
