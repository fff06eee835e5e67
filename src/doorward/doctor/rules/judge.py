"""Applies the rules to the evidence, and drops what follows from another finding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame, Finding, Severity
from doorward.doctor.rules.rule import Found, Rule


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One finding of one run."""

    finding: Finding
    observed: tuple[str, ...]
    values: Mapping[str, str]
    blame: Blame
    severity: Severity
    decide: str


def judge(
    evidence: Evidence, rules: Sequence[Rule], findings: Mapping[str, Finding]
) -> tuple[Diagnosis, ...]:
    """Return what ``rules`` find in ``evidence``, without what another finding explains."""
    found: dict[str, Found] = {}
    for code, one in _all(evidence, rules):
        found.setdefault(code, one)
    return tuple(
        _diagnosis(findings[code], one)
        for code, one in found.items()
        if not found.keys() & set(findings[code].follows)
    )


def _all(evidence: Evidence, rules: Sequence[Rule]) -> Iterator[tuple[str, Found]]:
    ready = [rule for rule in rules if _has(evidence, rule)]
    codes: set[str] = set()
    for rule in ready:
        if rule.judge is not None and (one := rule.judge(evidence)) is not None:
            codes.add(rule.code)
            yield rule.code, one
    for rule in ready:
        if rule.judge_late is not None:
            one = rule.judge_late(evidence, frozenset(codes))
            if one is not None:
                # One sentence of a client has one cause: the first rule that explains it decides.
                codes.add(rule.code)
                yield rule.code, one


def _has(evidence: Evidence, rule: Rule) -> bool:
    return all(getattr(evidence, view) is not None for view in rule.needs)


def _diagnosis(finding: Finding, found: Found) -> Diagnosis:
    return Diagnosis(
        finding=finding,
        observed=found.observed,
        values=found.values,
        blame=found.blame or finding.blame,
        severity=found.severity or finding.severity,
        decide=finding.decide if found.decide is None else found.decide,
    )
