"""OAuth documents, parameters, challenges and URIs: parsed, built, compared."""
