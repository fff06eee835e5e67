"""Connection and TLS: whether anything answers at the address, with a certificate that counts."""

from dataclasses import replace

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.hops import messages
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the answer to the first request of every client of 2025-11-25."""
    answer = await messages.begin_and_end(
        probe, messages.initialize("initialize without a token", evidence.target)
    )
    return replace(evidence, connection=answer.exchange)


def _is_reached(evidence: Evidence) -> bool:
    return bool(evidence.resolution and evidence.resolution.addresses)


HOP = Hop("connection", "Connection and TLS", "connecting", _is_reached, observe)
