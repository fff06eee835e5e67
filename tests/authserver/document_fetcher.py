"""A stand-in for the network: client documents by URL."""

import asyncio
import json
from typing import Any

from doorward.net.http.messages import FetchResponse
from doorward.net.http.refusals import FetchFailed
from tests.authserver.harness import CALLBACK

URL = "https://app.example/oauth/client.json"


class FakeDocumentFetcher:
    """A stand-in for the network: documents by URL, and what was asked for."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        self.max_age: float | None = None
        self.media_type = "application/json"

    def put(self, url: str = URL, **changes: Any) -> None:
        document = {
            "client_id": url,
            "client_name": "Sail planner",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            **changes,
        }
        self.documents[url] = document

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5120
    ) -> FetchResponse:
        self.asked.append(url)
        await asyncio.sleep(0)
        found = self.documents.get(url)
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise FetchFailed("10.1.2.3:443 answered 403 Forbidden")
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        return FetchResponse(200, {"content-type": self.media_type}, body, self.max_age)
