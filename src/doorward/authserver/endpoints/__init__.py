"""One file per endpoint that is neither authorization nor token endpoint."""
