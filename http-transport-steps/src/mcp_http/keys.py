"""Where the two halves of the signing key are."""

import os
from pathlib import Path

from doorward.errors import ConfigurationError

__all__ = ["PRIVATE_KEY", "PUBLIC_KEY", "folder", "read_public_key"]

PRIVATE_KEY = "mcp_private_key.pem"
PUBLIC_KEY = "mcp_public_key.pem"


def folder() -> Path:
    """Return the folder that the keys are in: `MCP_KEYS`, or the one this is run in."""
    return Path(os.environ.get("MCP_KEYS", "."))


def read_public_key() -> bytes:
    """
    Return the public key that tokens are checked with; `MCP_KEYS` names the folder it is in.

    Raises:
        ConfigurationError: there is none. A server that cannot check tokens must not start: the
            alternative is a server to which everybody is somebody.
    """
    file = folder() / PUBLIC_KEY
    try:
        return file.read_bytes()
    except OSError as problem:
        raise ConfigurationError(
            "no-public-key",
            f"The public key {file} cannot be read: {problem.strerror}.",
            "Make a pair of keys: uv run python generate_token.py --generate-keys",
        ) from None
