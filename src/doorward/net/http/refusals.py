"""The exceptions of the fetcher."""

from typing import ClassVar

from doorward.errors import DoorwardError


class FetchFailed(DoorwardError):
    """
    The document could not be fetched.

    ``public`` is the same for every cause: with different texts for "no such host", "refused" and
    "answered 403", a stranger could map the network behind this server. ``detail`` is for the log.
    """

    code = "fetch-failed"
    public: ClassVar[str] = "The document could not be fetched."

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail


class UnusableResponse(FetchFailed):
    """
    The server answered with something unusable: too long, encoded, or with another status.

    Its own class because the server is up: the next request may succeed.
    """

    code = "answer-unusable"


class FetchRefused(FetchFailed):
    """The URL is not allowed; nothing was sent."""

    code = "fetch-refused"
