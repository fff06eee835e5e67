"""Rules about refresh tokens, sessions and expiry."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.signed_in import ExpiryView, RefreshView
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_LONG = 24 * 3600


def _view(evidence: Evidence) -> RefreshView:
    assert evidence.refresh is not None
    return evidence.refresh


@BOOK.rule("no-refresh-token", needs=["token", "calls"])
def no_refresh_token(evidence: Evidence) -> Found | None:
    """Find a short token without a refresh token."""
    seen = evidence.token
    assert seen is not None
    if not seen.is_issued or seen.has_refresh_token or not seen.expires_in:
        return None
    if seen.expires_in > _LONG:
        return None
    return Found(
        observed=(f"expires_in is {seen.expires_in:.0f}, and there is no refresh_token.",),
        values={"minutes": f"{seen.expires_in / 60:.0f}"},
    )


@BOOK.rule("refresh-refused", needs=["refresh"])
def refresh_refused(evidence: Evidence) -> Found | None:
    """Find an issuer that refuses its own refresh token."""
    first = _view(evidence).first
    if first.status is None or first.status == 200 or first.status == 429:
        return None
    return _answered(first)


@BOOK.rule("refreshed-token-refused", needs=["refresh"])
def refreshed_token_refused(evidence: Evidence) -> Found | None:
    """Find a server that refuses the second token of the same user."""
    call = _view(evidence).call
    if call is None or call.status not in (401, 403) or answers.is_edge_page(call):
        return None
    found, changed = _answered(call), _changed(evidence)
    if not changed:
        return found
    # The server accepted the first token, so the issuer must not write another one into the grant.
    return Found(observed=(*found.observed, *changed), values=found.values, blame=Blame.ISSUER)


def _changed(evidence: Evidence) -> tuple[str, ...]:
    """Return how the second token differs from the first in what a server checks."""
    first, second = evidence.contents, _view(evidence).contents
    if first is None or second is None or first.form != "jwt" or second.form != "jwt":
        return ()
    pairs = {
        "aud": (" ".join(first.audience), " ".join(second.audience)),
        "iss": (first.issuer, second.issuer),
        "scope": (first.scope, second.scope),
    }
    return tuple(
        f"{name} was {one or '(none)'}, and is {other or '(none)'}"
        for name, (one, other) in pairs.items()
        if one != other
    )


@BOOK.rule("session-bound-to-token", needs=["refresh"])
def session_bound_to_token(evidence: Evidence) -> Found | None:
    """Find a session that a refresh ends, where a new session works."""
    seen = _view(evidence)
    if seen.old_session is None or seen.call is None or seen.call.status != 200:
        return None
    if seen.old_session.status not in (401, 403, 404):
        return None
    return _answered(seen.old_session)


@BOOK.rule("refresh-race", needs=["refresh"])
def refresh_race(evidence: Evidence) -> Found | None:
    """Find an issuer that refuses one of two refreshes at once."""
    statuses = sorted(one.status or 0 for one in _view(evidence).at_once)
    if len(statuses) != 2 or statuses[0] != 200 or statuses[1] not in (400, 401):
        return None
    return Found(observed=tuple(told(one) for one in _view(evidence).at_once))


def _expiry(evidence: Evidence) -> ExpiryView:
    assert evidence.expiry is not None
    return evidence.expiry


@BOOK.rule("expired-token-accepted", needs=["expiry"])
def expired_token_accepted(evidence: Evidence) -> Found | None:
    """Find a server that does not check the time."""
    seen = _expiry(evidence)
    if seen.call.status != 200 or "result" not in (seen.call.document or {}):
        return None
    return Found(observed=(told(seen.call), f"{seen.waited:.0f} s after the token was issued"))


@BOOK.rule("expired-token-status", needs=["expiry"])
def expired_token_status(evidence: Evidence) -> Found | None:
    """Find another status than 401 for an expired token."""
    call = _expiry(evidence).call
    if call.status is None or call.status in (200, 401, 429) or answers.is_edge_page(call):
        return None
    return _answered(call)


@BOOK.rule("refresh-after-expiry-refused", needs=["expiry"])
def refresh_after_expiry_refused(evidence: Evidence) -> Found | None:
    """Find a refresh token that ends with the access token."""
    again = _expiry(evidence).refresh
    if again is None or again.error_code() != "invalid_grant":
        return None
    # Two refreshes at once may have ended the whole grant before.
    raced = evidence.refresh is not None and any(
        one.status != 200 for one in evidence.refresh.at_once
    )
    return None if raced else _answered(again)


def _answered(exchange: Exchange) -> Found:
    answer = f"{exchange.answered} {exchange.error_code()}".strip()
    return Found(
        observed=(f"{told(exchange)} {exchange.error_code()}".strip(),), values={"answer": answer}
    )
