"""One file per identity provider: dated facts and settings as data."""
