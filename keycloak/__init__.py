"""A real Keycloak on this machine, with the tutorial's realm. Needs Python, Java and Maven alone."""
