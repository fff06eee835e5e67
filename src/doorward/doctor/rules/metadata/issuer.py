"""Rules about the issuer and its metadata."""

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import Evidence, IssuerView
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.findings.finding import Severity
from doorward.doctor.rules.metadata.resource_metadata import slow
from doorward.doctor.rules.reachability.connection import certificate_found, host_of, told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.idp.probe.discovery import forms

BOOK = RuleBook()
_NEEDED = ("authorization_endpoint", "token_endpoint")


def first(evidence: Evidence) -> IssuerView | None:
    """Return the issuer that a client uses, if metadata names one or the server is one."""
    seen = evidence.issuer
    return None if seen is None or (seen.is_fallback and seen.used is None) else seen


@BOOK.rule("issuer-not-allowed", needs=["issuers"])
def issuer_not_allowed(evidence: Evidence) -> Found | None:
    """Find an issuer that clients must not contact."""
    seen = next((one for one in evidence.issuers or () if one.refused), None)
    if seen is None:
        return None
    others = [one for one in evidence.issuers or () if not one.refused]
    return Found(
        observed=(f"authorization_servers names {seen.issuer}",),
        values={"reason": seen.refused},
        severity=None if seen is evidence.issuer or not others else Severity.NOTE,
    )


@BOOK.rule("issuer-name-unresolved", needs=["issuers"])
def issuer_name_unresolved(evidence: Evidence) -> Found | None:
    """Find an issuer whose host does not exist outside."""
    seen = _unread(evidence)
    if seen is None or _kind(seen.tries[0].exchange) != "no-address":
        return None
    return Found(
        observed=(f"authorization_servers names {seen.issuer}", told(seen.tries[0].exchange)),
        values={"issuer": seen.issuer},
    )


@BOOK.rule("issuer-certificate-untrusted", needs=["issuers"])
def issuer_certificate_untrusted(evidence: Evidence) -> Found | None:
    """Find an issuer whose certificate no client accepts."""
    seen = _unread(evidence)
    if seen is None or _kind(seen.tries[0].exchange) != "certificate":
        return None
    failure = seen.tries[0].exchange.failure
    return certificate_found(host_of(seen.issuer), failure.detail if failure else "")


@BOOK.rule("issuer-names-document", needs=["issuers"])
def issuer_names_document(evidence: Evidence) -> Found | None:
    """Find a server that names the metadata document instead of the issuer."""
    seen = evidence.issuer
    if seen is None or "/.well-known/" not in seen.issuer:
        return None
    return Found(observed=(f"authorization_servers names {seen.issuer}",))


def _kind(exchange: Exchange) -> str:
    return exchange.failure.kind if exchange.failure is not None else ""


@BOOK.rule("issuer-unreachable", needs=["issuers"])
def issuer_unreachable(evidence: Evidence) -> Found | None:
    """Find an issuer that does not answer, or fails."""
    seen = _unread(evidence)
    if seen is None or any(one.document is not None for one in seen.tries):
        return None
    crashed = _crashed(seen)
    if crashed is not None:
        values = {"answer": crashed.answered, "issuer": seen.issuer}
        return Found(observed=(told(crashed),), values=values)
    if any(one.exchange.status is not None for one in seen.tries):
        return None
    exchange = seen.tries[0].exchange
    if _kind(exchange) in ("budget", "no-address", "certificate"):
        return None
    return Found(
        observed=(told(exchange),), values={"answer": _why(exchange.failure), "issuer": seen.issuer}
    )


def _crashed(seen: IssuerView) -> Exchange | None:
    tries = (one.exchange for one in seen.tries if one.for_clients)
    return next((one for one in tries if one.status is not None and one.status >= 500), None)


def _why(failure: object) -> str:
    kind = getattr(failure, "kind", "no answer")
    detail = getattr(failure, "detail", "")
    return f"{kind}: {detail}" if detail else str(kind)


@BOOK.rule("issuer-metadata-missing", needs=["issuers"])
def issuer_metadata_missing(evidence: Evidence) -> Found | None:
    """Find an issuer without metadata."""
    seen = _unread(evidence)
    if seen is None or not any(one.exchange.status is not None for one in seen.tries):
        return None
    if any(one.document is not None or one.problem == "html" for one in seen.tries):
        return None
    if _crashed(seen) is not None:
        return None
    return Found(observed=tuple(told(one.exchange) for one in seen.tries if one.for_clients))


@BOOK.rule("issuer-metadata-behind-path", needs=["issuers"])
def issuer_metadata_behind_path(evidence: Evidence) -> Found | None:
    """Find metadata in a form that clients do not try."""
    seen = _unread(evidence)
    if seen is None:
        return None
    behind = next((one for one in seen.tries if one.document is not None), None)
    if behind is None:
        return None
    return Found(
        observed=(f"The document is at {behind.url}",), values={"url": forms(seen.issuer)[0].url}
    )


@BOOK.rule("issuer-metadata-page", needs=["issuers"])
def issuer_metadata_page(evidence: Evidence) -> Found | None:
    """Find the page of a web application in place of the metadata, or before it."""
    seen = evidence.issuer
    if seen is None or seen.refused or seen.is_fallback:
        return None
    page = next((one for one in seen.tries if one.problem == "html" and one.for_clients), None)
    if page is None:
        return None
    if seen.used is None:
        has_other = any(one.document is not None for one in seen.tries)
        return None if has_other else Found(observed=(told(page.exchange),))
    # Clients try the places in order, and some stop at the first answer with 200.
    if seen.tries.index(page) > seen.tries.index(seen.used):
        return None
    observed = (told(page.exchange), f"The document is at {seen.used.url}")
    return Found(observed=observed, severity=Severity.SOME)


def _unread(evidence: Evidence) -> IssuerView | None:
    """Return the issuer if clients find no document of it."""
    seen = evidence.issuer
    if seen is None or seen.refused or seen.is_fallback or seen.used is not None:
        return None
    return seen


@BOOK.rule("issuer-spelled-differently", needs=["issuers"])
def issuer_spelled_differently(evidence: Evidence) -> Found | None:
    """Find a server that spells a correct issuer differently."""
    seen = _mismatched(evidence)
    if seen is None or not _is_servers_mistake(seen):
        return None
    return _mismatch(seen)


@BOOK.rule("issuer-mismatch", needs=["issuers"])
def issuer_mismatch(evidence: Evidence) -> Found | None:
    """Find an issuer whose document is wrong."""
    seen = _mismatched(evidence)
    if seen is None or _is_servers_mistake(seen):
        return None
    return _mismatch(seen)


def _mismatched(evidence: Evidence) -> IssuerView | None:
    seen = evidence.issuer
    if seen is None or seen.used is None or seen.is_fallback:
        return None
    named = seen.document.get("issuer")
    return seen if isinstance(named, str) and named != seen.issuer else None


def _is_servers_mistake(seen: IssuerView) -> bool:
    """
    Return whether the issuer is right and the server misspells it.

    The named issuer must publish the same endpoints, under a name that differs by a slash or by
    case. If it differs by more, the document at the given place is another issuer's by mistake.
    """
    named = seen.named
    if named is None or named.document.get("issuer") != named.issuer:
        return False
    if any(named.document.get(one) != seen.document.get(one) for one in _NEEDED):
        return False
    return seen.issuer.rstrip("/").lower() == named.issuer.rstrip("/").lower()


def _mismatch(seen: IssuerView) -> Found:
    named = str(seen.document.get("issuer"))
    assert seen.used is not None
    return Found(
        observed=(
            f"authorization_servers names {seen.issuer}",
            f"{seen.used.url} says issuer {named}",
        ),
        values={
            "difference": difference(named, seen.issuer),
            "named": named,
            "issuer": seen.issuer,
        },
    )


@BOOK.rule("issuer-endpoints-missing", needs=["issuers"])
def issuer_endpoints_missing(evidence: Evidence) -> Found | None:
    """Find metadata without an endpoint that clients need."""
    seen = first(evidence)
    if seen is None or seen.used is None:
        return None
    missing = [one for one in ("issuer", *_NEEDED) if not isinstance(seen.document.get(one), str)]
    if not missing:
        return None
    return Found(
        observed=(f"{seen.used.url} has no {' and no '.join(missing)}",),
        values={"missing": " and ".join(missing)},
    )


@BOOK.rule("issuer-endpoint-not-allowed", needs=["issuers"])
def issuer_endpoint_not_allowed(evidence: Evidence) -> Found | None:
    """Find an endpoint that clients must not contact."""
    seen = first(evidence)
    if seen is None or not seen.refused_endpoints:
        return None
    name, reason = seen.refused_endpoints[0]
    return Found(
        observed=tuple(f"{one} is {seen.document.get(one)}" for one, _ in seen.refused_endpoints),
        values={"name": name, "reason": reason},
    )


@BOOK.rule("issuer-metadata-slow", needs=["issuers"])
def issuer_metadata_slow(evidence: Evidence) -> Found | None:
    """Find issuer metadata that arrive when clients have given up."""
    seen = first(evidence)
    return None if seen is None or seen.used is None else slow(evidence, seen.used.exchange)


@BOOK.rule("pkce-not-advertised", needs=["issuers"])
def pkce_not_advertised(evidence: Evidence) -> Found | None:
    """Find metadata that does not offer S256."""
    seen = first(evidence)
    if seen is None or seen.used is None:
        return None
    offered = seen.document.get("code_challenge_methods_supported")
    if isinstance(offered, list) and "S256" in offered:
        return None
    says = "nothing" if offered is None else str(offered)
    return Found(observed=(f"{seen.used.url}: code_challenge_methods_supported is {says}",))
