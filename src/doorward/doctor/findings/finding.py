"""What a row of the table of findings has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Blame(StrEnum):
    """Who must act."""

    SERVER = "server"
    PROXY = "proxy"
    ISSUER = "issuer"
    CLIENT = "client"
    CONFIGURATION = "configuration"
    """The user's own: a URL, a client id, a record in the DNS."""
    UNSURE = "unsure"
    """The evidence fits several; the finding says what would decide."""


class Severity(StrEnum):
    """How much stops."""

    STOPS = "stops"
    """No client gets past this hop."""
    SOME = "some"
    """Some clients, or some requests, fail here."""
    NOTE = "note"
    """Nothing fails yet."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """
    One row: ``code`` is stable, ``hop`` names a rung of the ladder.

    ``title`` is the symptom in one line, ``cause`` explains it, ``fix`` says what to change.
    ``fixes`` has the same in the words of one provider or proxy, by its name in
    ``evidence.parties``. ``decide`` says what would settle an unsure finding. ``follows`` are
    findings that explain this one, which is then not reported. ``seen_as`` are sentences that
    clients show, ``threads`` public reports of it.

    Texts may contain ``{names}``, which the rule fills.
    """

    code: str
    hop: str
    blame: Blame
    severity: Severity
    title: str
    cause: str
    fix: str
    fixes: Mapping[str, str] = field(default_factory=dict)
    decide: str = ""
    follows: tuple[str, ...] = ()
    seen_as: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
