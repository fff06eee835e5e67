"""The report as a JUnit file: one test per rung."""

from xml.sax.saxutils import escape, quoteattr

from doorward.doctor.report.report import Entry, Report, Rung


def as_junit(report: Report) -> str:
    """Return the report as JUnit XML; rungs that were not reached are skipped tests."""
    cases = [_case(report, rung) for rung in report.rungs]
    failures = sum(one.status in ("failed", "partly") for one in report.rungs)
    skipped = sum(one.status == "not reached" for one in report.rungs)
    head = (
        f"<testsuite name={quoteattr('doorward doctor ' + report.target)} "
        f'tests="{len(cases)}" failures="{failures}" skipped="{skipped}" '
        f'time="{report.seconds}">'
    )
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""])


def _case(report: Report, rung: Rung) -> str:
    head = f'  <testcase classname="doorward.doctor" name={quoteattr(rung.title)}'
    if rung.status == "not reached":
        return f"{head}><skipped/></testcase>"
    mine = [one for one in report.entries if one.hop == rung.name]
    if rung.status not in ("failed", "partly"):
        return f"{head}/>"
    told = "\n\n".join(_told(one) for one in mine)
    message = quoteattr(f"{mine[0].code}: {mine[0].title}")
    return f"{head}>\n    <failure message={message}>{escape(told)}</failure>\n  </testcase>"


def _told(entry: Entry) -> str:
    observed = "\n".join(entry.observed)
    return f"{entry.code} ({entry.blame})\n{entry.title}\n{observed}\n{entry.cause}\n{entry.fix}"
