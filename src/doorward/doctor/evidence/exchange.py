"""One request and its answer, as recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FailureKind = Literal[
    "no-address",  # the name does not resolve
    "not-allowed",  # a client must not send this request; nothing was sent
    "refused",  # no connection
    "certificate",  # the certificate is not trusted
    "tls",  # another failure of TLS
    "timeout",  # no complete answer before the deadline
    "disconnected",  # the connection ended early, or the answer is not HTTP
    "undecodable",  # compressed in a way that the doctor did not ask for
    "too-large",  # the answer is longer than any client should read
    "budget",  # the doctor has spent its requests or its time; nothing was sent
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no complete answer; ``detail`` is a sentence, or a client's reason code."""

    kind: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    One request and its answer, without secrets.

    ``purpose`` is the doctor's name for the request. ``sent`` and ``headers`` have names in lower
    case; values that could be secret are hidden. ``document`` is the JSON object in the body or in
    the first event, if there is one. ``body`` is the beginning of other text.
    """

    purpose: str
    method: str
    url: str
    sent: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    body: str = ""
    size: int = 0
    failure: Failure | None = None
    seconds: float = 0.0

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether the answer is a web page."""
        begun = self.body.lstrip()[:15].lower()
        return self.media_type in ("text/html", "application/xhtml+xml") or begun.startswith(
            ("<!doctype html", "<html")
        )

    @property
    def is_redirect(self) -> bool:
        """Whether the answer sends the client elsewhere."""
        return self.status in (301, 302, 303, 307, 308) and "location" in self.headers

    @property
    def answered(self) -> str:
        """The answer in a few words: ``401``, ``200 text/html``, ``no answer (timeout)``."""
        if self.status is None:
            kind = self.failure.kind if self.failure else "timeout"
            return f"no answer ({kind})"
        words = [str(self.status)]
        if self.failure is not None:
            words.append(f"({self.failure.kind} before the end of the body)")
        if self.is_redirect:
            words.append(f"to {self.headers['location']}")
        elif self.media_type:
            words.append(self.media_type)
        return " ".join(words)

    def error_code(self) -> str:
        """Return the OAuth ``error`` in the body, or ``""``."""
        said = (self.document or {}).get("error")
        return said if isinstance(said, str) else ""

    def rpc_error(self) -> Mapping[str, Any] | None:
        """Return the JSON-RPC error in the body, or ``None``."""
        said = (self.document or {}).get("error")
        return said if isinstance(said, Mapping) else None
