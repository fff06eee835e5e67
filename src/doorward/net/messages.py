"""What is asked of a URL, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from doorward.net.url import FetchUrl


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """
    An answer: from ``fetch`` always one with status 200.

    ``headers`` has names in lower case. ``max_age`` is in seconds: how much longer its author lets
    it be kept; ``None`` when nothing was said, 0 when it may not be kept.
    """

    status: int
    # Not in representations: a token endpoint's answer is a token, and a question to one a secret.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    max_age: float | None

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was named."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What is sent: ``body`` with its media type, and the media type that is wanted back."""

    method: str = "GET"
    accept: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    authorization: str | None = field(default=None, repr=False)

    def headers(self, target: FetchUrl) -> list[tuple[str, str]]:
        """Return the headers of this question to ``target``."""
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
        return headers
