"""The requests and responses of the fetcher."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from doorward.net.http.url import FetchUrl


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """
    A response; from ``fetch``, always with status 200.

    ``headers`` has names in lower case. ``max_age`` is how many seconds it may be cached: ``None`` if
    the server does not say, 0 if it must not be cached.
    """

    status: int
    # Not in the representation: a token endpoint answers with tokens and is sent secrets.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    max_age: float | None

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """
    A request: ``body`` with its media type, and the media type to accept.

    ``timeout`` is in seconds; without it, that of the fetcher counts. ``more_headers`` come last.
    """

    method: str = "GET"
    accept: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    authorization: str | None = field(default=None, repr=False)
    timeout: float | None = None
    more_headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def headers(self, target: FetchUrl) -> list[tuple[str, str]]:
        """Return the headers of this request to ``target``."""
        headers = [
            ("Host", target.host_header),
            ("Accept", self.accept),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "doorward"),
            ("Connection", "close"),
        ]
        if self.method != "GET":
            headers.append(("Content-Length", str(len(self.body))))
        if self.content_type is not None:
            headers.append(("Content-Type", self.content_type))
        if self.authorization is not None:
            headers.append(("Authorization", self.authorization))
        return [*headers, *self.more_headers.items()]
