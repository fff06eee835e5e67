"""Rules about the protected resource metadata."""

from urllib.parse import urlsplit

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import DocumentTry, Evidence, ResourceMetadataView
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import host_of, told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.idp.clients import CLIENTS
from doorward.wire import address
from doorward.wire.oauth.resource_metadata import WELL_KNOWN

BOOK = RuleBook()
_ABSENT = (404, 405, 410)


def _view(evidence: Evidence) -> ResourceMetadataView:
    assert evidence.resource_metadata is not None
    return evidence.resource_metadata


def _announced(evidence: Evidence) -> DocumentTry | None:
    """Return the place that the challenge names, if a client cannot use what is there."""
    used = _view(evidence).used
    if used is None or used.form != "challenge" or used.document is not None:
        return None
    return used


@BOOK.rule("metadata-url-http", needs=["resource_metadata"])
def metadata_url_http(evidence: Evidence) -> Found | None:
    """Find a challenge with a plain http URL."""
    seen = _announced(evidence)
    if seen is None or not (_refused(seen) == "insecure-url" or _is_own_host(evidence, seen.url)):
        return None
    return Found(observed=(f"resource_metadata={seen.url}",))


def _is_own_host(evidence: Evidence, url: str) -> bool:
    # On loopback a client may use http, but not at a port that speaks TLS.
    return url.startswith("http://") and evidence.target.startswith("https://" + host_of(url))


@BOOK.rule("metadata-url-not-allowed", needs=["resource_metadata"])
def metadata_url_not_allowed(evidence: Evidence) -> Found | None:
    """Find a challenge with a URL that clients must not request."""
    seen = _announced(evidence)
    reason = seen and _refused(seen)
    if seen is None or not reason or reason == "insecure-url":
        return None
    return Found(observed=(f"resource_metadata={seen.url}",), values={"reason": reason})


def _refused(seen: DocumentTry) -> str:
    failure = seen.exchange.failure
    return failure.detail if failure is not None and failure.kind == "not-allowed" else ""


@BOOK.rule("metadata-page", needs=["resource_metadata", "challenge"])
def metadata_page(evidence: Evidence) -> Found | None:
    """Find the page of a web application in place of the metadata."""
    view = _view(evidence)
    seen = _announced(evidence)
    if seen is None and view.used is None:
        seen = next((one for one in view.tries if one.problem == "html" and one.for_clients), None)
    if seen is None or seen.problem != "html":
        return None
    return Found(observed=(told(seen.exchange),), values={"url": seen.url})


@BOOK.rule("metadata-protected", needs=["resource_metadata", "challenge"])
def metadata_protected(evidence: Evidence) -> Found | None:
    """Find metadata behind a sign-in."""
    view = _view(evidence)
    tries = [one] if (one := _announced(evidence)) else ([] if view.used else list(view.tries))
    seen = next((one for one in tries if _asks_for_sign_in(one)), None)
    if seen is None:
        return None
    return Found(
        observed=(told(seen.exchange),),
        values={"answer": seen.exchange.answered},
        **answers.proxy_acts(seen.exchange),
    )


def _asks_for_sign_in(seen: DocumentTry) -> bool:
    exchange = seen.exchange
    return exchange.status in (401, 403) or answers.is_login_redirect(exchange)


@BOOK.rule("metadata-not-found", needs=["resource_metadata"])
def metadata_not_found(evidence: Evidence) -> Found | None:
    """Find a challenge that names a place without a document."""
    seen = _announced(evidence)
    if seen is None or seen.exchange.status not in _ABSENT:
        return None
    elsewhere = [one for one in _view(evidence).tries if one.document is not None]
    observed = [told(seen.exchange), *(f"The document is at {one.url}" for one in elsewhere)]
    who = answers.proxy_acts(seen.exchange)
    if elsewhere:
        # The server serves the document, and announces another place.
        who = {"blame": Blame.SERVER, "decide": ""}
    return Found(
        observed=tuple(observed),
        values={"answer": seen.exchange.answered, "url": seen.url},
        **who,
    )


@BOOK.rule("metadata-unreadable", needs=["resource_metadata"])
def metadata_unreadable(evidence: Evidence) -> Found | None:
    """Find a document that is not JSON."""
    seen = _announced(evidence)
    if seen is None or seen.problem != "not-json":
        return None
    return Found(observed=(told(seen.exchange),), values={"answer": seen.exchange.answered})


@BOOK.rule("metadata-fails", needs=["resource_metadata"])
def metadata_fails(evidence: Evidence) -> Found | None:
    """Find every other failure at the place that the challenge names."""
    seen = _announced(evidence)
    if seen is None or seen.problem in ("html", "not-json", "not-allowed", "budget"):
        return None
    if seen.exchange.status in (*_ABSENT, 401, 403) or _is_own_host(evidence, seen.url):
        return None
    return Found(
        observed=(told(seen.exchange),),
        values={"answer": seen.exchange.answered, "url": seen.url},
    )


@BOOK.rule("no-metadata", needs=["resource_metadata", "challenge", "issuers"])
def no_metadata(evidence: Evidence) -> Found | None:
    """Find a server that tells nobody where to sign in."""
    view = _view(evidence)
    fallback = evidence.issuer
    # Clients of 2025-03-26 take the server's own origin for the issuer.
    if view.used is not None or (fallback is not None and fallback.used is not None):
        return None
    if any(one.exchange.status is None or one.exchange.status >= 429 for one in view.tries):
        return None
    origin = address.origin_of(evidence.target)
    path = urlsplit(evidence.target).path.rstrip("/")
    behind = tuple(
        f"The document is at {one.url}, where clients do not look."
        for one in view.tries
        if one.document is not None
    )
    return Found(
        observed=tuple(told(one.exchange) for one in view.tries if one.document is None) + behind,
        values={"url": origin + WELL_KNOWN + path},
    )


@BOOK.rule("resource-missing", needs=["resource_metadata"])
def resource_missing(evidence: Evidence) -> Found | None:
    """Find metadata without a resource."""
    view = _view(evidence)
    if view.used is None or view.used.document is None or view.resource is not None:
        return None
    return Found(
        observed=(f"{view.used.url} has no resource",), values={"resource": evidence.target}
    )


@BOOK.rule("resource-mismatch", needs=["resource_metadata"])
def resource_mismatch(evidence: Evidence) -> Found | None:
    """Find metadata about another resource."""
    view = _view(evidence)
    if view.resource is None or covers(view.resource, evidence.target):
        return None
    assert view.used is not None
    how = difference(view.resource, evidence.target)
    return Found(
        observed=(f"{view.used.url} says resource {view.resource}; expected {evidence.target}",),
        values={"difference": how, "expected": evidence.target, "got": view.resource},
    )


def covers(resource: str, target: str) -> bool:
    """
    Return whether clients accept ``resource`` for ``target``: the same origin, and a parent path.

    The official SDKs accept a parent, so that one resource can have several endpoints.
    """
    one, other = address.split(resource), address.split(target)
    if one is None or other is None:
        return False
    if (one.scheme, one.hostname, one.port or _PORTS[one.scheme]) != (
        other.scheme, other.hostname, other.port or _PORTS[other.scheme],
    ):  # fmt: skip
        return False
    return (other.path.rstrip("/") + "/").startswith(one.path.rstrip("/") + "/")


_PORTS = {"https": 443, "http": 80}


@BOOK.rule("metadata-slow", needs=["resource_metadata"])
def metadata_slow(evidence: Evidence) -> Found | None:
    """Find metadata that arrives when clients have given up."""
    used = _view(evidence).used
    return None if used is None or used.document is None else slow(evidence, used.exchange)


def slow(evidence: Evidence, exchange: Exchange) -> Found | None:
    """Return the finding for an answer that takes longer than clients wait."""
    gone = sorted(
        client.title
        for client in CLIENTS
        if client.connection is not None
        and evidence.persona in ("", client.name)
        and client.connection.timeout.value <= exchange.seconds
    )
    if not gone:
        return None
    return Found(
        observed=(f"{told(exchange)} after {exchange.seconds:.0f} s",),
        values={"seconds": f"{exchange.seconds:.0f}", "clients": ", ".join(gone)},
    )


@BOOK.rule("no-issuer-named", needs=["resource_metadata", "challenge"])
def no_issuer_named(evidence: Evidence) -> Found | None:
    """Find metadata without an authorization server."""
    view = _view(evidence)
    if view.used is None or view.used.document is None or view.issuers:
        return None
    named = view.document.get("authorization_servers", "nothing")
    return Found(observed=(f"{view.used.url} has authorization_servers: {named}",))
