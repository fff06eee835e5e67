"""The token endpoint; the sign-in has sent the request already."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe


async def observe(_probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence unchanged: a code lives for seconds, so it is exchanged at once."""
    return evidence


def _is_reached(evidence: Evidence) -> bool:
    return evidence.token is not None


HOP = Hop("token", "Token endpoint", "exchanging the code", _is_reached, observe)
