"""The client ID metadata documents of MCP clients, and their keys, without a network."""

import json
from functools import cache
from typing import Any

from doorward.idp.clients import CLIENTS
from doorward.jose.private_key import PrivateKey
from doorward.net.http.messages import FetchResponse
from doorward.net.http.refusals import FetchFailed


class ClientDocuments:
    """
    Serves the documents that MCP clients publish, to an authorization server under test.

    ```python
    guard = GuardWithSignIn(
        OwnUsers(),
        public_url="http://localhost:8000/mcp",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
        authserver_options={"fetcher": ClientDocuments()},
    )
    ```

    Where a document names a key set, the key set has the key of the persona.
    """

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5 * 1024
    ) -> FetchResponse:
        """
        Return the document at ``url``.

        Raises:
            FetchFailed: no MCP client has a document there.
        """
        found = _documents().get(url)
        if found is None or len(found) > limit:
            raise FetchFailed(f"no MCP client publishes {url!r}")
        return FetchResponse(200, {"content-type": accept}, found, None)


@cache
def key_at(jwks_uri: str) -> PrivateKey:
    """Return the private key of the persona that publishes its key set at ``jwks_uri``."""
    algorithms = {
        document["jwks_uri"]: document["token_endpoint_auth_signing_alg"]
        for document in published_documents()
        if "jwks_uri" in document
    }
    return PrivateKey.generate(algorithms[jwks_uri])


def published_documents() -> list[dict[str, Any]]:
    """Return the document of every client that publishes one."""
    return [
        dict(client.connection.document.value)
        for client in CLIENTS
        if client.connection is not None and client.connection.document is not None
    ]


@cache
def _documents() -> dict[str, bytes]:
    found: dict[str, object] = {}
    for document in published_documents():
        found[str(document["client_id"])] = document
        if "jwks_uri" in document:
            uri = str(document["jwks_uri"])
            found[uri] = {"keys": [key_at(uri).public_jwk()]}
    return {url: json.dumps(one).encode() for url, one in found.items()}
