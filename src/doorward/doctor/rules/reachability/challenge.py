"""Rules about the 401 and its ``WWW-Authenticate`` header."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.parties import is_behind_proxy
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()


@BOOK.rule("challenge-missing", needs=["challenge", "endpoint"])
def challenge_missing(evidence: Evidence) -> Found | None:
    """Find a 401 without the header."""
    assert evidence.challenge is not None
    if evidence.challenge.header is not None:
        return None
    refusal = _refusal(evidence)
    # A proxy can remove the header from an application's answer.
    sure = not refusal.is_html and not is_behind_proxy(evidence.parties, refusal)
    blame = Blame.SERVER if sure else None
    decide = "" if blame else None
    return Found(
        observed=(f"{told(refusal)}, without WWW-Authenticate",), blame=blame, decide=decide
    )


@BOOK.rule("challenge-malformed", needs=["challenge"])
def challenge_malformed(evidence: Evidence) -> Found | None:
    """Find a header that does not follow the grammar."""
    seen = evidence.challenge
    assert seen is not None
    if not seen.problem:
        return None
    return Found(observed=(f"WWW-Authenticate: {seen.header}",), values={"problem": seen.problem})


@BOOK.rule("challenge-not-bearer", needs=["challenge"])
def challenge_not_bearer(evidence: Evidence) -> Found | None:
    """Find a challenge of another scheme."""
    seen = evidence.challenge
    assert seen is not None
    if not seen.schemes or seen.bearer is not None or "dpop" in seen.schemes:
        return None
    refusal = evidence.endpoint.first_refusal if evidence.endpoint else None
    return Found(
        observed=(f"WWW-Authenticate: {seen.header}",),
        values={"scheme": ", ".join(seen.schemes)},
        **answers.proxy_acts(refusal),
    )


@BOOK.rule("challenge-lost-with-empty-token", needs=["challenge", "endpoint"])
def lost_with_empty_token(evidence: Evidence) -> Found | None:
    """Find a challenge that an empty token removes."""
    assert evidence.endpoint is not None
    return _lost(evidence, evidence.endpoint.empty_token)


@BOOK.rule("challenge-lost-with-bad-token", needs=["challenge", "endpoint"])
def lost_with_bad_token(evidence: Evidence) -> Found | None:
    """Find a challenge that a wrong token removes."""
    assert evidence.endpoint is not None
    return _lost(evidence, evidence.endpoint.bad_token)


def _lost(evidence: Evidence, other: Exchange | None) -> Found | None:
    assert evidence.challenge is not None
    # The challenge matters if it says where the metadata is.
    if evidence.challenge.metadata_url is None or other is None or other.status != 401:
        return None
    if "resource_metadata" in other.headers.get("www-authenticate", "").lower():
        return None
    header = other.headers.get("www-authenticate", "none")
    return Found(observed=(f"{told(other)}, WWW-Authenticate: {header}",))


@BOOK.rule("bad-token-status", needs=["endpoint"])
def bad_token_status(evidence: Evidence) -> Found | None:
    """Find another status than 401 for an unknown token."""
    seen = _bad_token(evidence)
    if seen is None or seen.status is None or seen.status in (200, 202, 401, 429):
        return None
    if answers.is_edge_page(seen) or seen.status >= 502:
        return None
    return Found(observed=(told(seen),), values={"status": str(seen.status)})


@BOOK.rule("any-token-accepted", needs=["endpoint"])
def any_token_accepted(evidence: Evidence) -> Found | None:
    """Find a server that verifies no token."""
    seen = _bad_token(evidence)
    if seen is None or seen.status != 200 or "result" not in (seen.document or {}):
        return None
    return Found(observed=(told(seen),))


def _bad_token(evidence: Evidence) -> Exchange | None:
    """Return the answer to an unknown token, if the same request without one is refused."""
    assert evidence.endpoint is not None
    refused = evidence.endpoint.initialize.status == 401
    return evidence.endpoint.bad_token if refused else None


def _refusal(evidence: Evidence) -> Exchange:
    assert evidence.endpoint is not None
    refusal = evidence.endpoint.first_refusal
    assert refusal is not None
    return refusal
