"""Inbound HTTP/1.1 for Doorward's own servers: sockets, and connections with limits in bytes and seconds."""

from doorward.serving.connection import Connection
from doorward.serving.listen import listen, serve, serving_beside
from doorward.serving.loop import new_event_loop

__all__ = ["Connection", "listen", "new_event_loop", "serve", "serving_beside"]
