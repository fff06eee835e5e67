"""The call after the token has expired; only a patient run waits for it."""

from dataclasses import replace

import anyio

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import ExpiryView
from doorward.doctor.hops import messages
from doorward.doctor.hops.authorization.token_request import refresh
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe

LONGEST_WAIT = 2 * 3600.0
_MARGIN = 90.0


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the call after the token's end, and a refresh after that."""
    lifetime = evidence.token.expires_in if evidence.token else None
    if lifetime is None or lifetime > LONGEST_WAIT:
        return evidence
    # Servers accept a token for some time after its end, for clocks that differ.
    waits = lifetime + _MARGIN
    probe.budget.pause()
    await (probe.plan.sleep or anyio.sleep)(waits)
    probe.budget.start()
    held = probe.credentials
    call = await messages.begin_and_end(
        probe,
        messages.initialize(
            "initialize with the expired token", evidence.target, token=held.access_token
        ),
    )
    view = ExpiryView(waited=waits, call=call.exchange)
    if held.refresh_token is not None:
        answer = await refresh(probe, evidence, "refresh after the end", held.refresh_token)
        view = replace(view, refresh=answer.exchange)
    return replace(evidence, expiry=view)


def _is_reached(evidence: Evidence) -> bool:
    works = evidence.calls is not None and evidence.calls.first.status == 200
    return evidence.is_patient and works and evidence.token is not None


HOP = Hop("expiry", "Expiry", "waiting for the token to expire", _is_reached, observe)
