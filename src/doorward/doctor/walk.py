"""Walks the ladder: one hop after the other, as far as the evidence leads."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.parties import parties
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.hops.hop import Hop
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.probe.probe import Probe
from doorward.doctor.rules.all_rules import RULES
from doorward.doctor.rules.judge import Diagnosis, judge

Progress = Callable[[Hop], None]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """The evidence of one run, the hops that it reached, and what follows from it."""

    evidence: Evidence
    reached: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]
    left_behind: tuple[str, ...] = ()


async def examine(
    probe: Probe,
    target: str,
    *,
    saw: tuple[str, ...] = (),
    progress: Progress = lambda _hop: None,
) -> Examination:
    """
    Return what ``target`` looks like to an MCP client, and what is wrong with it.

    Asks the network through ``probe`` alone, and creates nothing that it does not remove.
    """
    evidence = Evidence(
        target=target, persona=probe.plan.persona, saw=saw, is_local=probe.url_policy.is_private
    )
    reached = []
    probe.budget.start()
    for hop in LADDER:
        if not hop.is_reached(evidence) or probe.budget.spent():
            continue
        progress(hop)
        evidence = await hop.observe(probe, evidence)
        reached.append(hop.name)
    issuers = [one.issuer for one in evidence.issuers or ()]
    evidence = replace(
        evidence,
        exchanges=tuple(probe.tape),
        parties=parties(probe.tape, issuers),
        spent=probe.budget.spent(),
    )
    return Examination(
        evidence=evidence,
        reached=tuple(reached),
        diagnoses=judge(evidence, RULES, FINDINGS),
        left_behind=tuple(probe.credentials.left_behind),
    )
