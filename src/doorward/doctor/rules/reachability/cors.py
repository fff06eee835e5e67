"""Rules about CORS: what clients in a browser may see."""

from collections.abc import Mapping

from doorward.doctor.evidence.before_sign_in import CorsView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_ORIGIN = "access-control-allow-origin"


@BOOK.rule("cors-preflight-refused", needs=["cors", "challenge"])
def preflight_refused(evidence: Evidence) -> Found | None:
    """Find a preflight without permission."""
    seen = _wanted(evidence)
    if seen is None or seen.preflight.status is None:
        return None
    if _permits(seen):
        return None
    return Found(observed=(told(seen.preflight),), values={"answer": seen.preflight.answered})


@BOOK.rule("cors-token-not-allowed", needs=["cors", "challenge"])
def token_not_allowed(evidence: Evidence) -> Found | None:
    """Find a preflight that permits requests, and none with a token."""
    seen = _wanted(evidence)
    if seen is None or not _permits(seen):
        return None
    # A wildcard never includes Authorization.
    allowed = _words(seen.preflight.headers, "access-control-allow-headers")
    if "authorization" in allowed:
        return None
    return Found(
        observed=(f"Access-Control-Allow-Headers: {', '.join(allowed) or 'none'}",),
        values={"got": ", ".join(allowed) or "none"},
    )


@BOOK.rule("cors-refusal-unreadable", needs=["cors", "challenge"])
def refusal_unreadable(evidence: Evidence) -> Found | None:
    """Find a 401 that a browser keeps from the client."""
    seen = _wanted(evidence)
    if seen is None or seen.refusal.status != 401 or _allows(seen, seen.refusal.headers):
        return None
    return Found(observed=(f"{told(seen.refusal)}, without Access-Control-Allow-Origin",))


@BOOK.rule("cors-challenge-hidden", needs=["cors", "challenge"])
def challenge_hidden(evidence: Evidence) -> Found | None:
    """Find a challenge that a browser hides."""
    seen = _wanted(evidence)
    if seen is None or seen.refusal.status != 401 or not _allows(seen, seen.refusal.headers):
        return None
    exposed = _words(seen.refusal.headers, "access-control-expose-headers")
    # The header only matters if it says what a client cannot find otherwise.
    assert evidence.challenge is not None
    if "www-authenticate" in exposed or "*" in exposed or not evidence.challenge.metadata_url:
        return None
    return Found(observed=(f"Access-Control-Expose-Headers: {', '.join(exposed) or 'none'}",))


def _wanted(evidence: Evidence) -> CorsView | None:
    """
    Return the view if browsers matter: the persona is one, the user's text says so, or the endpoint
    itself tries. Without CORS at all, a server is right for every other client.
    """
    seen = evidence.cors
    assert seen is not None
    if 429 in (seen.preflight.status, seen.refusal.status):
        return None
    text = " ".join(evidence.saw).lower()
    said = "cors" in text or "failed to fetch" in text
    tries = _ORIGIN in seen.refusal.headers or _ORIGIN in seen.preflight.headers
    return seen if evidence.persona == "inspector" or said or tries else None


def _permits(seen: CorsView) -> bool:
    return seen.preflight.status in (200, 204) and _allows(seen, seen.preflight.headers)


def _allows(seen: CorsView, headers: Mapping[str, str]) -> bool:
    return headers.get(_ORIGIN) in ("*", seen.origin)


def _words(headers: Mapping[str, str], name: str) -> list[str]:
    return [one.strip().lower() for one in headers.get(name, "").split(",") if one.strip()]
