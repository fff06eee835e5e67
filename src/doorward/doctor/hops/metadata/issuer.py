"""The issuers, and the metadata of each in all forms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from doorward.client.refusals import DiscoveryFailed
from doorward.doctor.evidence.evidence import DocumentTry, Evidence, IssuerView
from doorward.doctor.hops.hop import Hop
from doorward.doctor.hops.metadata.documents import read_document
from doorward.doctor.probe.probe import Probe
from doorward.errors import ConfigurationError
from doorward.idp.probe.discovery import forms
from doorward.wire import address

_MOST_ISSUERS = 4
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri")


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with every issuer; without metadata, the server's origin is the issuer."""
    assert evidence.resource_metadata is not None
    named = evidence.resource_metadata.issuers
    fallback = not named and evidence.resource_metadata.used is None
    issuers = named or ((address.origin_of(evidence.target),) if fallback else ())
    views = [
        await _with_named(probe, await _view(probe, one, fallback))
        for one in issuers[:_MOST_ISSUERS]
    ]
    return replace(evidence, issuers=tuple(views))


async def _view(probe: Probe, issuer: str, is_fallback: bool) -> IssuerView:
    if _is_http_of(issuer, probe.target):
        return IssuerView(issuer=issuer, refused="insecure-url", is_fallback=is_fallback)
    try:
        probe.url_policy.require(issuer, "issuer")
        address.require_issuer(issuer)
    except (DiscoveryFailed, ConfigurationError) as refusal:
        return IssuerView(issuer=issuer, refused=refusal.reason, is_fallback=is_fallback)
    tries = [
        await read_document(
            probe, form.name, form.url, "issuer metadata", for_clients=form.for_clients
        )
        for form in forms(issuer)
    ]
    view = IssuerView(
        issuer=issuer, tries=tuple(tries), refused=_refused(tries), is_fallback=is_fallback
    )
    return replace(view, refused_endpoints=_refused_endpoints(probe, issuer, view.document))


def _refused(tries: list[DocumentTry]) -> str:
    # A name can turn out to be private when it is resolved.
    failures = [one.exchange.failure for one in tries]
    if all(one is not None and one.kind == "not-allowed" for one in failures):
        return failures[0].detail if failures[0] else ""
    return ""


def _refused_endpoints(
    probe: Probe, issuer: str, document: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    found = []
    for name in _ENDPOINTS:
        url = document.get(name)
        if not isinstance(url, str):
            continue
        if _is_http_of(url, issuer):
            found.append((name, "insecure-url"))
            continue
        try:
            probe.url_policy.require(url, name)
        except DiscoveryFailed as refusal:
            found.append((name, refusal.reason))
    return tuple(found)


def _is_http_of(url: str, secure: str) -> bool:
    """Return whether ``url`` is plain http at the port where ``secure`` speaks TLS."""
    one, other = address.split(url), address.split(secure)
    if one is None or other is None:
        return False
    return (one.scheme, other.scheme) == ("http", "https") and one.netloc == other.netloc


async def _with_named(probe: Probe, view: IssuerView) -> IssuerView:
    named = view.document.get("issuer")
    if view.used is None or not isinstance(named, str) or named == view.issuer:
        return view
    return replace(view, named=await _view(probe, named, is_fallback=False))


def _is_reached(evidence: Evidence) -> bool:
    return evidence.resource_metadata is not None and (
        bool(evidence.resource_metadata.issuers)
        or (evidence.resource_metadata.used is None and evidence.challenge is not None)
    )


HOP = Hop(
    "issuer", "Issuer and its metadata", "reading the issuer's metadata", _is_reached, observe
)
