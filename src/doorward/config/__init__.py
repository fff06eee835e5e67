"""Configuration files: read, checked, written, and served by ``doorward serve``."""

from doorward.config.load import load, load_authorization_server, opened
from doorward.config.settings import Configuration, McpServerSettings

__all__ = [
    "Configuration",
    "McpServerSettings",
    "load",
    "load_authorization_server",
    "opened",
]
