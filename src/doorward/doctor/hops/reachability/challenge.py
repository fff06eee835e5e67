"""The challenge: the ``WWW-Authenticate`` header of the first refusal."""

from dataclasses import replace

from doorward.doctor.evidence.evidence import ChallengeView, Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe
from doorward.wire.oauth.challenge import MalformedChallenge, parse_challenges


async def observe(_probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the challenge; sends nothing."""
    assert evidence.endpoint is not None
    refusal = evidence.endpoint.first_refusal
    assert refusal is not None
    return replace(evidence, challenge=read(refusal))


def read(refusal: Exchange) -> ChallengeView:
    """Return the challenge of ``refusal``, parsed as strictly as RFC 9110 allows."""
    header = refusal.headers.get("www-authenticate")
    if header is None:
        return ChallengeView(header=None)
    try:
        challenges = parse_challenges(header)
    except MalformedChallenge as error:
        return ChallengeView(header=header, problem=str(error))
    bearer = next((one.params for one in challenges if one.scheme == "bearer"), None)
    schemes = tuple(one.scheme for one in challenges)
    return ChallengeView(header=header, schemes=schemes, bearer=bearer)


def _is_reached(evidence: Evidence) -> bool:
    return evidence.endpoint is not None and evidence.endpoint.first_refusal is not None


HOP = Hop("challenge", "Challenge", "reading the challenge", _is_reached, observe)
