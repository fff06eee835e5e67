"""Step 5: a public key, at an address where everyone can read it.

Adds: the public key is read from a file and published at `/.well-known/jwks.json`, with `kid`,
`alg` and `use`. `generate_token.py` has the private key and signs tokens. A server that verifies
tokens needs only the public key, so the private key never reaches it.

From the toolkit: `McpServer`. It makes an MCP endpoint from typed functions, as steps 2 to 4 did by
hand.

Still suffers: forged tokens. The server publishes the key but does not use it yet. It accepts a
token with the algorithm `none`, one that is signed with the public key, one that brings its own
key, and no token at all. Step 6 prevents this.
"""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import FastAPI

from doorward import ConfigurationError, McpServer
from mcp_http.stage import new_app, read_public_key, run
from mcp_http.tools import offer


# The idea of this step: which parts of a key are published, and what the key is called.
def public_jwk(pem: bytes) -> dict[str, Any]:
    """
    Return the RSA public key in `pem` as a JSON Web Key.

    Raises:
        ConfigurationError: it is no RSA public key, or one too small to be safe.
    """
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        # A private key ends up here too: it is not read, so it cannot be published.
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ConfigurationError(
            "unsuitable-key",
            "The file holds no RSA public key of 2048 bits or more.",
            "Make a pair of keys: uv run python generate_token.py --generate-keys",
        )
    numbers = key.public_numbers()
    members = {"kty": "RSA", "n": base64url(number(numbers.n)), "e": base64url(number(numbers.e))}
    # The key's name is its own fingerprint (RFC 7638), so a new key can never have an old name.
    written = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    kid = base64url(hashlib.sha256(written).digest())
    # `alg` pins what the key may be used for. Without it, whoever reads a token would have to
    # believe what the token says of itself.
    return {**members, "kid": kid, "use": "sig", "alg": "RS256"}


def number(value: int) -> bytes:
    """Return a whole number as its bytes, the largest first."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def base64url(data: bytes) -> str:
    """Return bytes as JOSE writes them: in base64url, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 5: the public key is published."""
    keys = {"keys": [public_jwk(read_public_key())]}
    server = McpServer("mcp-step-by-step", version="5.0")
    offer(server)

    web = new_app("MCP step by step: 5", step="5", address=address, mcp=f"{address}/mcp")
    web.include_router(server.router("/mcp"))

    @web.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return keys

    return web


def main() -> None:
    """Serve this step: `uv run step5`."""
    run(create_app)
