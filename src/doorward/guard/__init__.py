"""The door: ASGI middleware, protected-resource metadata, challenges, audit events."""
