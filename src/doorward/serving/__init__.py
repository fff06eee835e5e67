"""Listening on this machine: sockets that are ours before we promise anything, and a server with bounds."""

from doorward.serving.bounded_head import BoundedHead
from doorward.serving.listen import listen, serve

__all__ = ["BoundedHead", "listen", "serve"]
