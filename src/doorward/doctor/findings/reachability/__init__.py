"""Findings on what the endpoint answers to one request."""
