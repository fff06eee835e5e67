"""The report as text for a terminal of 80 columns, and for an issue."""

from doorward.doctor.report.report import Entry, Report, Rung
from doorward.doctor.report.words import EFFECT, WHO, field, page_of, wrapped

_MARKS = {
    "passed": "ok",
    "failed": "FAILED",
    "partly": "partly",
    "noted": "ok",
    "not reached": "-",
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
    lines = wrapped(f"{number}. {entry.title}", "", "   ")
    lines += field("code", f"{entry.code} ({EFFECT[entry.severity]})")
    for observed in entry.observed:
        lines += field("seen", observed)
    lines += field("cause", entry.cause)
    lines += field("who acts", WHO[entry.blame])
    lines += field("decide", entry.decide)
    lines += field("change", entry.fix)
    for name, text in entry.fixes.items():
        lines += field(name, text)
    lines += field("threads", ", ".join(entry.threads))
    lines += field("page", page_of(entry.hop, entry.code))
    return "\n".join(lines)


def _summary(report: Report) -> str:
    lines = []
    failure = report.first_failure
    if failure is not None:
        lines.append(f"First rung that fails: {failure.title}.")
    elif not report.entries:
        lines.append("Nothing found.")
    if report.entries:
        lines.append("doorward doctor --explain CODE prints the page of a finding.")
    lines += report.remarks
    lines += [f"LEFT BEHIND: {one}" for one in report.left_behind]
    if report.spent:
        lines.append(f"Stopped early: the limit of {report.spent} is used up.")
    requests = "1 request" if report.requests == 1 else f"{report.requests} requests"
    lines.append(f"{requests}, {report.seconds} s.")
    return "\n".join(lines)
