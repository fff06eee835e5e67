"""Walks the ladder: one hop after the other, as far as the evidence leads."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from doorward.client.sign_in.listener import Listener
from doorward.client.sign_in.pasted_redirect import PastedRedirect
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.evidence.parties import parties
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.hops.authorization.registered_client import unregister_own
from doorward.doctor.hops.authorization.token_request import revoke
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
    inside: InsideView | None = None,
) -> Examination:
    """
    Return what ``target`` looks like to an MCP client, and what is wrong with it.

    Asks the network through ``probe`` alone. Deletes the client that it registers for a sign-in, and
    revokes the tokens of it; ``left_behind`` names what could not be deleted.
    """
    plan = probe.plan
    evidence = Evidence(
        target=target,
        persona=plan.persona,
        saw=saw,
        inside=inside,
        is_local=probe.url_policy.is_private,
        sign_in_kind=plan.sign_in,
        is_patient=plan.patient,
        has_chosen_scope=plan.scope is not None,
    )
    probe.budget.start()
    async with AsyncExitStack() as stack:
        await _open_receiver(probe, stack)
        evidence, reached = await _climb(probe, evidence, progress)
        evidence = replace(evidence, spent=probe.budget.spent())
        await _clean_up(probe, evidence)
    issuers = [one.issuer for one in evidence.issuers or ()]
    evidence = replace(
        evidence,
        exchanges=tuple(probe.tape),
        parties=parties(probe.tape, issuers),
    )
    return Examination(
        evidence=evidence,
        reached=reached,
        diagnoses=judge(evidence, RULES, FINDINGS),
        left_behind=tuple(probe.credentials.left_behind),
    )


async def _climb(
    probe: Probe, evidence: Evidence, progress: Progress
) -> tuple[Evidence, tuple[str, ...]]:
    reached = []
    for hop in LADDER:
        if hop.is_reached(evidence) and not probe.budget.spent():
            progress(hop)
            evidence = await hop.observe(probe, evidence)
            reached.append(hop.name)
    return evidence, tuple(reached)


async def _open_receiver(probe: Probe, stack: AsyncExitStack) -> None:
    plan, held = probe.plan, probe.credentials
    if plan.sign_in == "browser":
        held.receiver = await stack.enter_async_context(
            await Listener.open(plan.port, exact=bool(plan.port))
        )
    elif plan.sign_in == "paste" and plan.read_line is not None:
        held.receiver = PastedRedirect(plan.read_line, plan.port)
    if held.receiver is not None:
        held.redirect_uri = held.receiver.redirect_uri
    elif plan.port:
        held.redirect_uri = f"http://127.0.0.1:{plan.port}/callback"


async def _clean_up(probe: Probe, evidence: Evidence) -> None:
    # Also when the budget is spent: what was created must go.
    probe.budget.allow_clean_up()
    await revoke(probe, evidence)
    await unregister_own(probe)
