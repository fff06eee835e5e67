"""Protected resource metadata, in all places where clients look."""

from dataclasses import replace
from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import DocumentTry, Evidence, ResourceMetadataView
from doorward.doctor.hops.hop import Hop
from doorward.doctor.hops.metadata.documents import read_document
from doorward.doctor.probe.probe import Probe
from doorward.wire import address
from doorward.wire.oauth.resource_metadata import WELL_KNOWN

_WHAT = "resource metadata"


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with the documents at the challenge's URL, before the path, and at the root.

    Spec: RFC 9728 §3.1, §5.1; MCP 2026-07-28 authorization server discovery
    """
    named = evidence.challenge.metadata_url if evidence.challenge else None
    tries = []
    if named is not None:
        tries.append(await read_document(probe, "challenge", named, _WHAT))
    for form, url in places(evidence.target):
        twin = next((one for one in tries if one.url == url), None)
        # One request per URL; the form still counts, for rules that ask about the place.
        tries.append(
            replace(twin, form=form) if twin else await read_document(probe, form, url, _WHAT)
        )
    path = urlsplit(evidence.target).path.rstrip("/")
    if path and not any(one.document is not None for one in tries):
        behind = evidence.target.rstrip("/") + WELL_KNOWN
        tries.append(await read_document(probe, "suffix", behind, _WHAT, for_clients=False))
    view = ResourceMetadataView(
        tries=tuple(tries), used=_used(tries), accepted=resource_identifiers(evidence.target)
    )
    return replace(evidence, resource_metadata=view)


def places(target: str) -> tuple[tuple[str, str], ...]:
    """Return the well-known places of ``target`` in the order in which clients try them."""
    origin, path = address.origin_of(target), urlsplit(target).path.rstrip("/")
    root = origin + WELL_KNOWN
    if not path:
        return (("root", root),)
    return (("path", root + path), ("root", root))


def resource_identifiers(target: str) -> tuple[str, ...]:
    """
    Return the resources that clients accept for ``target``.

    The URL without a slash at its end is one: clients remove it. At the root, the origin is one too.
    """
    origin = address.origin_of(target)
    without = target.rstrip("/")
    return tuple(dict.fromkeys((target, without, without + "/", origin, origin + "/")))


def _used(tries: list[DocumentTry]) -> DocumentTry | None:
    if tries[0].form == "challenge":
        return tries[0]
    return next((one for one in tries if one.document is not None and one.for_clients), None)


def _is_reached(evidence: Evidence) -> bool:
    # A server that is open or asks for something else than a token may still publish metadata.
    return evidence.endpoint is not None


HOP = Hop(
    "resource-metadata", "Resource metadata", "reading the resource metadata", _is_reached, observe
)
