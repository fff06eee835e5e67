"""Rules that compare what a process makes with what arrives outside."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.operations.story.ending import ending
from doorward.operations.story.hop import Attempt
from doorward.wire.oauth.resource_metadata import metadata_url

BOOK = RuleBook()


@BOOK.rule("well-known-not-forwarded", needs=["inside", "challenge", "resource_metadata"])
def well_known_not_forwarded(evidence: Evidence) -> Found | None:
    """Find a document that the process has, and that does not arrive."""
    inside, challenge, view = evidence.inside, evidence.challenge, evidence.resource_metadata
    assert inside is not None
    assert challenge is not None
    assert view is not None
    url = metadata_url(str(inside.resource_metadata.get("resource")))
    # The challenge names the URL, so the endpoint outside is this server.
    if challenge.metadata_url != url:
        return None
    seen = next((one for one in view.tries if one.url == url), None)
    if seen is None or seen.document is not None or seen.exchange.status is None:
        return None
    return Found(
        observed=(told(seen.exchange),), values={"url": url, "answer": seen.exchange.answered}
    )


@BOOK.rule("differs-outside", needs=["inside", "resource_metadata"])
def differs_outside(evidence: Evidence) -> Found | None:
    """Find a member that arrives with another value than the process gives it."""
    inside, view = evidence.inside, evidence.resource_metadata
    assert inside is not None
    assert view is not None
    if view.used is not None and view.used.document is not None:
        found = _different(inside.resource_metadata, view.document, view.used.url)
        if found is not None:
            return found
    issuer, own = evidence.issuer, inside.issuer_metadata
    if issuer is None or issuer.used is None or own is None or issuer.issuer != own.get("issuer"):
        return None
    return _different(own, issuer.document, issuer.used.url)


@BOOK.rule("stopped-before-process", needs=["inside"])
def stopped_before_process(evidence: Evidence) -> Found | None:
    """Find a sign-in whose next request did not arrive, where nothing else that came can be it."""
    inside = evidence.inside
    assert inside is not None
    endpoint = urlsplit(str(inside.resource_metadata.get("resource"))).path or "/"
    for attempt in inside.attempts:
        end = ending(attempt, inside.now)
        if end.awaited not in (endpoint, "/token"):
            continue
        others = [one for one in inside.attempts if one is not attempt]
        if any(_can_be_next(other, attempt) for other in others):
            continue
        client = attempt.client_name or attempt.client_id or "unknown"
        return Found(
            observed=(f"attempt {attempt.id} of {client}: {end.text}",),
            values={"ending": end.text, "awaited": end.awaited, "attempt": attempt.id},
        )
    return None


def _can_be_next(other: Attempt, attempt: Attempt) -> bool:
    """Return whether what ``attempt`` lacks came, and nothing here could tell whose it was."""
    last = attempt.hops[-1].time
    came = [hop for hop in other.hops if hop.time >= last and hop.step in ("call", "token")]
    is_same_client = bool(other.client_id) and other.client_id == attempt.client_id
    return (is_same_client and bool(came)) or any(hop.is_refused for hop in came if not other.user)


def _different(inside: Mapping[str, Any], outside: Mapping[str, Any], url: str) -> Found | None:
    for member, expected in inside.items():
        got = outside.get(member)
        if _comparable(got) != _comparable(expected):
            one, other = _shown(got), _shown(expected)
            return Found(
                observed=(f"{member} is {one}; expected {other}",),
                values={
                    "member": member,
                    "got": one,
                    "expected": other,
                    "difference": difference(one, other) or "the values differ",
                    "url": url,
                },
            )
    return None


def _comparable(value: Any) -> Any:
    # The order of a list of words says nothing.
    return sorted(value) if _is_set(value) else value


def _is_set(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _shown(value: Any) -> str:
    if _is_set(value):
        return " ".join(value) or "(empty)"
    return "(missing)" if value is None else str(value)
