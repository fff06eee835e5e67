"""The report as text for a terminal of 80 columns, and for an issue."""

import textwrap

from doorward.doctor.findings.finding import Blame, Severity
from doorward.doctor.report.report import Entry, Report, Rung

_WIDTH = 79
_LABEL = 10
_MARKS = {
    "passed": "ok",
    "failed": "FAILED",
    "partly": "partly",
    "noted": "ok",
    "not reached": "-",
}
WHO = {
    Blame.SERVER: "the MCP server",
    Blame.PROXY: "the proxy in front of the server",
    Blame.ISSUER: "the issuer (authorization server)",
    Blame.CLIENT: "the client",
    Blame.CONFIGURATION: "whoever set this up: the URL, the name, the client's settings",
    Blame.UNSURE: "not certain",
}
_EFFECT = {
    Severity.STOPS: "stops every client",
    Severity.SOME: "stops some clients, or some requests",
    Severity.NOTE: "a hint",
}


def as_text(report: Report) -> str:
    """Return the ladder and the findings, no line longer than the terminal needs it."""
    blocks = [
        _ladder(report),
        *(_entry(number, one) for number, one in enumerate(report.entries, 1)),
    ]
    blocks.append(_summary(report))
    return "\n\n".join(blocks)


def _ladder(report: Report) -> str:
    width = max(len(one.title) for one in report.rungs) + 2
    head = f"{report.target}" + (f"  as {report.persona}" if report.persona else "")
    return "\n".join([head, *(_rung(one, width) for one in report.rungs)])


def _rung(rung: Rung, width: int) -> str:
    line = f"  {rung.title:<{width}}{_MARKS[rung.status]:<8}{', '.join(rung.codes)}"
    return line.rstrip()


def _entry(number: int, entry: Entry) -> str:
    lines = textwrap.wrap(f"{number}. {entry.title}", _WIDTH, subsequent_indent="   ")
    lines += _field("code", f"{entry.code} ({_EFFECT[entry.severity]})")
    for observed in entry.observed:
        lines += _field("seen", observed)
    lines += _field("cause", entry.cause)
    lines += _field("who acts", WHO[entry.blame])
    lines += _field("decide", entry.decide)
    lines += _field("change", entry.fix)
    for name, text in entry.fixes.items():
        lines += _field(name, text)
    lines += _field("threads", ", ".join(entry.threads))
    return "\n".join(lines)


def _field(label: str, text: str) -> list[str]:
    if not text:
        return []
    head = f"   {label:<{_LABEL}}"
    if len(label) >= _LABEL:
        head = f"   {label}: "
    # A URL stays whole, so that it can be copied.
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * (3 + _LABEL),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(report: Report) -> str:
    lines = []
    failure = report.first_failure
    if failure is not None:
        lines.append(f"First rung that fails: {failure.title}.")
    elif not report.entries:
        lines.append("Nothing found.")
    lines += report.remarks
    lines += [f"LEFT BEHIND: {one}" for one in report.left_behind]
    if report.spent:
        lines.append(f"Stopped early: the limit of {report.spent} is used up.")
    requests = "1 request" if report.requests == 1 else f"{report.requests} requests"
    lines.append(f"{requests}, {report.seconds} s.")
    return "\n".join(lines)
