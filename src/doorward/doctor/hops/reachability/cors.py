"""CORS: what a client in a browser may see."""

from dataclasses import replace

from doorward.doctor.evidence.before_sign_in import CorsView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.hops import messages
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question

ORIGIN = "http://localhost:6274"
"""The origin of the MCP Inspector."""


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with a preflight, the request itself, and the metadata, as a browser's."""
    preflight = await probe.send(
        Question(
            purpose="preflight of a browser",
            url=evidence.target,
            method="OPTIONS",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version",
            },
        )
    )
    refusal = await messages.begin_and_end(
        probe,
        messages.initialize(
            "initialize from a browser", evidence.target, headers={"Origin": ORIGIN}
        ),
    )
    used = evidence.resource_metadata.used if evidence.resource_metadata else None
    metadata = None
    if used is not None:
        question = Question(
            purpose="resource metadata from a browser", url=used.url, headers={"Origin": ORIGIN}
        )
        metadata = (await probe.send(question)).exchange
    view = CorsView(
        origin=ORIGIN, preflight=preflight.exchange, refusal=refusal.exchange, metadata=metadata
    )
    return replace(evidence, cors=view)


def _is_reached(evidence: Evidence) -> bool:
    return evidence.endpoint is not None and evidence.endpoint.initialize.status is not None


HOP = Hop("cors", "CORS, as a browser sees it", "asking as a browser does", _is_reached, observe)
