"""Tests of the keys of the authorization server."""
