"""Step-up: a second sign-in, with the scopes that the server asks for at a call."""

from dataclasses import replace

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import StepUpView
from doorward.doctor.hops.authorization.sign_in import sign_in_with
from doorward.doctor.hops.authorization.token_request import revoke
from doorward.doctor.hops.calls import calls
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with what a client that steps up gets: a token, and the answer to its call.

    The scopes are those of the first sign-in and those of the challenge, as clients must ask.

    Spec: MCP 2026-07-28 authorization, Scope Challenge Handling
    """
    assert evidence.calls is not None
    assert evidence.sign_in is not None
    wanted = {*evidence.sign_in.asked_scope.split(), *evidence.calls.needed_scopes}
    scope = " ".join(sorted(wanted))
    # The second sign-in replaces the tokens of the first, and nobody would revoke these later.
    await revoke(probe, evidence)
    probe.credentials.refresh_token = probe.credentials.access_token = None
    again = await sign_in_with(probe, replace(evidence, token=None), scope)
    assert again.sign_in is not None
    view = StepUpView(scope=scope, sign_in=again.sign_in, token=again.token)
    if again.token is not None and again.token.is_issued:
        again = await calls.observe(probe, again)
        view = replace(view, call=again.calls.first if again.calls else None)
    return replace(evidence, step_up=view)


def _is_reached(evidence: Evidence) -> bool:
    # Whoever chose the scopes of the run wants to see what these do.
    if evidence.calls is None or evidence.token is None or evidence.has_chosen_scope:
        return False
    asked = evidence.sign_in.asked_scope.split() if evidence.sign_in else []
    # The same request once more would only be a loop.
    more = evidence.calls.needed_scopes - set(asked)
    return evidence.sign_in_kind in ("browser", "paste") and bool(more)


HOP = Hop("step-up", "Step-up", "waiting for you to sign in with more scopes", _is_reached, observe)
