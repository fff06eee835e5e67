"""Parsers and builders for OAuth documents, parameters, challenges and URIs."""
