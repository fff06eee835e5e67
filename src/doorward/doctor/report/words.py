"""The words and the layout that the report and the explanation of a finding share."""

import textwrap

from doorward.doctor.findings.finding import Blame, Severity

WIDTH = 79
_LABEL = 10
WHO = {
    Blame.SERVER: "the MCP server",
    Blame.PROXY: "the proxy in front of the server",
    Blame.ISSUER: "the issuer (authorization server)",
    Blame.CLIENT: "the client",
    Blame.CONFIGURATION: "whoever set this up: the URL, the name, the client's settings",
    Blame.UNSURE: "not certain",
}
EFFECT = {
    Severity.STOPS: "stops every client",
    Severity.SOME: "stops some clients, or some requests",
    Severity.NOTE: "a hint",
}


def page_of(hop: str, code: str) -> str:
    """Return the place of a finding in the documentation."""
    return f"docs/findings/{hop}.md#{code}"


def field(label: str, text: str) -> list[str]:
    """Return the lines of a labelled text; none for an empty text."""
    if not text:
        return []
    head = f"   {label:<{_LABEL}}"
    if len(label) >= _LABEL:
        head = f"   {label}: "
    return wrapped(text, head, " " * (3 + _LABEL))


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Return ``text`` in lines that fit; a URL stays whole, so that it can be copied."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
