"""The guard of a resource server: ASGI middleware, metadata, challenges, audit events."""

from doorward.guard.audit.events import AuditEvent, AuditSink
from doorward.guard.guard import Guard

__all__ = ["AuditEvent", "AuditSink", "Guard"]
