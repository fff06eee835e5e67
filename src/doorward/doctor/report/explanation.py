"""What a finding means in general, without the values of a run: for ``--explain`` and for its page."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from doorward.doctor.evidence.parties import TITLES
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.findings.finding import Finding
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.report.words import EFFECT, WHO, field, page_of, wrapped
from doorward.doctor.rules.reachability.connection import CERTIFICATES

# A finding whose whole text comes from the run: each text that it can have.
_FROM_THE_RUN = {
    "{why}": "One of these: " + " ".join(dict.fromkeys(meaning for _, meaning, _ in CERTIFICATES)),
    "{change}": " ".join(
        f"{meaning[:-1]}: {change[0].lower()}{change[1:]}" for _, meaning, change in CERTIFICATES
    ),
}
_VALUE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """
    A finding in words; values of a run appear as ``<name>``.

    ``explained_by`` are the findings after which this one is not reported.
    """

    code: str
    hop: str
    page: str
    title: str
    effect: str
    cause: str
    who_acts: str
    decide: str
    change: str
    fixes: Mapping[str, str]
    seen_as: tuple[str, ...]
    explained_by: tuple[str, ...]
    threads: tuple[str, ...]
    specs: tuple[str, ...]


def explain(finding: Finding) -> Explanation:
    """Return the explanation of ``finding``."""
    return Explanation(
        code=finding.code,
        hop=finding.hop,
        page=page_of(finding.hop, finding.code),
        title=in_general(finding.title),
        effect=EFFECT[finding.severity],
        cause=in_general(finding.cause),
        who_acts=WHO[finding.blame],
        decide=in_general(finding.decide),
        change=in_general(finding.fix),
        fixes={TITLES.get(name, name): in_general(text) for name, text in finding.fixes.items()},
        seen_as=tuple(in_general(one) for one in finding.seen_as),
        explained_by=finding.follows,
        threads=finding.threads,
        specs=finding.specs,
    )


def in_general(text: str) -> str:
    """Return a text of the table with the name of each value instead of the value."""
    if text in _FROM_THE_RUN:
        return _FROM_THE_RUN[text]
    # The only value that is a preposition.
    text = text.replace("{change} a slash", "with (or without) a slash")
    return _VALUE.sub(r"<\1>", text)


def explanation_text(explanation: Explanation) -> str:
    """Return the explanation for a terminal."""
    lines = wrapped(explanation.title, "", "")
    lines += field("code", f"{explanation.code} ({explanation.effect})")
    lines += field("hop", _titles()[explanation.hop])
    lines += field("cause", explanation.cause)
    lines += field("who acts", explanation.who_acts)
    lines += field("decide", explanation.decide)
    lines += field("change", explanation.change)
    for name, text in explanation.fixes.items():
        lines += field(name, text)
    for sentence in explanation.seen_as:
        lines += field("shown as", sentence)
    lines += field("unless", ", ".join(explanation.explained_by))
    lines += field("threads", ", ".join(explanation.threads))
    lines += field("specs", ", ".join(explanation.specs))
    lines += field("page", explanation.page)
    return "\n".join(lines)


def list_text() -> str:
    """Return every finding with its title, below its rung of the ladder, for a terminal."""
    return "\n\n".join("\n".join([title, *_listed(name)]) for name, title in _titles().items())


def _listed(hop: str) -> Iterator[str]:
    for finding in FINDINGS.values():
        if finding.hop == hop:
            yield f"  {finding.code}"
            yield from wrapped(in_general(finding.title), "      ", "      ")


def _titles() -> dict[str, str]:
    return {hop.name: hop.title for hop in LADDER}
