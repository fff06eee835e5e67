"""Listening on this machine: sockets that are ours before we promise anything, and a server with bounds."""

from doorward.serving.connection import Connection
from doorward.serving.listen import listen, serve
from doorward.serving.loop import new_event_loop

__all__ = ["Connection", "listen", "new_event_loop", "serve"]
