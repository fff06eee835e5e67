"""The report: the ladder and the findings, as plain text without secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.redaction import Redactor
from doorward.doctor.findings.finding import Blame, Severity
from doorward.doctor.hops.hop import Hop
from doorward.doctor.rules.authorization.client_settings import is_inexact, strict_clients
from doorward.doctor.rules.judge import Diagnosis

_ORDER = (Severity.STOPS, Severity.SOME, Severity.NOTE)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung: ``status`` is ``passed``, ``failed``, ``partly``, ``noted`` or ``not reached``."""

    name: str
    title: str
    status: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finding with all texts filled in."""

    code: str
    hop: str
    blame: Blame
    severity: Severity
    title: str
    observed: tuple[str, ...]
    cause: str
    fix: str
    fixes: Mapping[str, str]
    decide: str
    threads: tuple[str, ...]
    specs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that a report says, whatever its form."""

    target: str
    persona: str
    saw: tuple[str, ...]
    rungs: tuple[Rung, ...]
    entries: tuple[Entry, ...]
    requests: int
    seconds: float
    spent: str
    left_behind: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def first_failure(self) -> Rung | None:
        """The lowest rung that fails."""
        return next((one for one in self.rungs if one.status == "failed"), None)

    @property
    def blame(self) -> Blame | None:
        """Who must act first: the blame of the finding that stops at the lowest rung."""
        serious = [one for one in self.entries if one.severity is not Severity.NOTE]
        return serious[0].blame if serious else None


def build_report(
    evidence: Evidence,
    reached: tuple[str, ...],
    diagnoses: tuple[Diagnosis, ...],
    ladder: tuple[Hop, ...],
    redactor: Redactor,
    left_behind: tuple[str, ...] = (),
) -> Report:
    """Return the report; every text in it has passed ``redactor`` once more."""
    order = {hop.name: number for number, hop in enumerate(ladder)}
    entries = [_entry(one, evidence, redactor) for one in diagnoses]
    entries.sort(key=lambda one: (_ORDER.index(one.severity), order.get(one.hop, len(order))))
    return Report(
        target=redactor.url(evidence.target),
        persona=evidence.persona,
        saw=tuple(redactor.text(one) for one in evidence.saw),
        rungs=tuple(_rung(hop, reached, entries) for hop in ladder),
        entries=tuple(entries),
        requests=len(evidence.exchanges),
        seconds=round(sum(one.seconds for one in evidence.exchanges), 1),
        spent=evidence.spent,
        left_behind=tuple(redactor.text(one) for one in left_behind),
        remarks=_remarks(evidence),
    )


def _remarks(evidence: Evidence) -> tuple[str, ...]:
    endpoint, remarks = evidence.endpoint, []
    if endpoint is not None and endpoint.is_open and endpoint.first_refusal is None:
        remarks.append("The server answers without a token, so clients start no sign-in.")
    elif evidence.sign_in_kind == "none" and evidence.authorize is not None:
        remarks.append(
            "Not signed in: --sign-in also examines the token, the calls and the refresh."
        )
    resource = evidence.resource_metadata and evidence.resource_metadata.resource
    if resource and is_inexact(resource, evidence.target):
        remarks.append(
            f"The resource is {resource}, not {evidence.target}: {strict_clients()} can refuse "
            "the difference."
        )
    return tuple(remarks)


def _rung(hop: Hop, reached: tuple[str, ...], entries: list[Entry]) -> Rung:
    mine = [one for one in entries if one.hop == hop.name]
    severities = {one.severity for one in mine}
    if Severity.STOPS in severities:
        status = "failed"
    elif hop.name not in reached:
        status = "not reached"
    elif Severity.SOME in severities:
        status = "partly"
    else:
        status = "noted" if mine else "passed"
    return Rung(
        name=hop.name, title=hop.title, status=status, codes=tuple(one.code for one in mine)
    )


def _entry(diagnosis: Diagnosis, evidence: Evidence, redactor: Redactor) -> Entry:
    finding = diagnosis.finding

    def fill(text: str) -> str:
        return redactor.text(filled(text, diagnosis.values), None)

    return Entry(
        code=finding.code,
        hop=finding.hop,
        blame=diagnosis.blame,
        severity=diagnosis.severity,
        title=fill(finding.title),
        observed=tuple(redactor.text(one, 600) for one in diagnosis.observed),
        cause=fill(finding.cause),
        fix=fill(finding.fix),
        fixes={
            name: fill(text) for name, text in finding.fixes.items() if name in evidence.parties
        },
        decide=fill(diagnosis.decide),
        threads=finding.threads,
        specs=finding.specs,
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with the ``values`` that it names; other braces stay as they are."""
    parts = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        return text
    for literal, name, _, _ in pieces:
        parts.append(literal)
        if name is not None:
            parts.append(values.get(name, "{" + name + "}"))
    return "".join(parts)
