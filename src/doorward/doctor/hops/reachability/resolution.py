"""Name resolution: the addresses of the host, and which of them are not public."""

import ipaddress
from dataclasses import replace

import anyio

from doorward.doctor.evidence.evidence import Evidence, Resolution
from doorward.doctor.evidence.exchange import Failure
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe
from doorward.net.http.addresses import not_public
from doorward.net.http.refusals import FetchFailed
from doorward.wire import address

_SECONDS = 10.0


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the addresses of the target's host."""
    parts = address.split(evidence.target)
    host = probe.url_policy.host
    port = (parts.port if parts else None) or 443
    return replace(evidence, resolution=await _resolution(probe, host, port))


async def _resolution(probe: Probe, host: str, port: int) -> Resolution:
    if _is_literal(host):
        return Resolution(
            host=host, addresses=(host,), not_public=tuple(not_public([host])), is_literal=True
        )
    try:
        with anyio.fail_after(_SECONDS):
            found = tuple(await probe.network.resolver(host, port))
    except (FetchFailed, TimeoutError) as error:
        kind = "no-address" if isinstance(error, FetchFailed) else "timeout"
        return Resolution(host=host, failure=Failure(kind))  # type: ignore[arg-type]
    return Resolution(host=host, addresses=found, not_public=tuple(not_public(found)))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _can_continue(_evidence: Evidence) -> bool:
    return True


HOP = Hop("resolution", "Name resolution", "resolving the name", _can_continue, observe)
