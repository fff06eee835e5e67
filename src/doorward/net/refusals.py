"""What the guarded fetcher raises."""

from typing import ClassVar

from doorward.errors import DoorwardError


class FetchFailed(DoorwardError):
    """
    The document could not be had.

    ``public`` is one sentence for every cause: told apart, "no such host", "refused" and "answered
    403" would let a stranger map the network behind this server. ``detail`` is for the log.
    """

    code = "fetch-failed"
    public: ClassVar[str] = "The document could not be fetched."

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail


class AnswerUnusable(FetchFailed):
    """
    Somebody answered, and with what is not to be used: too much, encoded, or another status.

    Told apart from silence because the peer is up: the next question may well be answered.
    """

    code = "answer-unusable"


class FetchRefused(FetchFailed):
    """The URL is one that this process does not fetch; nothing was sent."""

    code = "fetch-refused"
