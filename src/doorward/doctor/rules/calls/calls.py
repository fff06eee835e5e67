"""Rules about the token itself and the first calls with it."""

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.parties import PROXIES
from doorward.doctor.evidence.signed_in import StepUpView, TokenContents
from doorward.doctor.findings.finding import Blame, Severity
from doorward.doctor.rules import answers
from doorward.doctor.rules.metadata.resource_metadata import covers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_NEEDS = ("calls", "contents")


def first_call(evidence: Evidence) -> Exchange:
    """Return the call with the token that shows most."""
    assert evidence.calls is not None
    return evidence.calls.first


def _refused_contents(evidence: Evidence) -> TokenContents | None:
    """Return the token's contents if the server refuses it: what it accepts is its own affair."""
    first = first_call(evidence)
    return evidence.contents if first.status == 401 and not answers.is_edge_page(first) else None


def _resource(evidence: Evidence) -> str:
    named = evidence.resource_metadata and evidence.resource_metadata.resource
    return named or evidence.target


@BOOK.rule("token-encrypted", needs=_NEEDS)
def token_encrypted(evidence: Evidence) -> Found | None:
    """Find an encrypted token that the server refuses."""
    seen = _refused_contents(evidence)
    if seen is None or seen.form != "encrypted":
        return None
    return Found(
        observed=(told(first_call(evidence)), "The token has five parts."),
        values={"resource": _resource(evidence)},
    )


@BOOK.rule("token-wrong-issuer", needs=_NEEDS)
def token_wrong_issuer(evidence: Evidence) -> Found | None:
    """Find a token of another issuer that the server refuses."""
    seen = _refused_contents(evidence)
    issuers = [one.issuer for one in evidence.issuers or ()]
    if seen is None or not seen.issuer or not issuers or seen.issuer in issuers:
        return None
    return Found(
        observed=(told(first_call(evidence)), f"iss is {seen.issuer}; expected {issuers[0]}"),
        values={"difference": difference(seen.issuer, issuers[0]), "got": seen.issuer},
    )


@BOOK.rule("token-wrong-audience", needs=_NEEDS)
def token_wrong_audience(evidence: Evidence) -> Found | None:
    """Find a token for another audience that the server refuses."""
    seen = _refused_contents(evidence)
    resource = _resource(evidence)
    if seen is None or seen.form != "jwt" or _fits(seen.audience, resource, evidence.target):
        return None
    got = ", ".join(seen.audience) or "(none)"
    return Found(
        observed=(told(first_call(evidence)), f"aud is {got}; expected {resource}"),
        values={"got": got, "resource": resource},
    )


def _fits(audience: tuple[str, ...], *resources: str) -> bool:
    return any(one == other or covers(one, other) for one in audience for other in resources)


@BOOK.rule("token-unknown-key", needs=(*_NEEDS, "keys"))
def token_unknown_key(evidence: Evidence) -> Found | None:
    """Find a token signed with a key that is not published."""
    seen = _refused_contents(evidence)
    assert evidence.keys is not None
    kids = {one.kid for one in evidence.keys.keys}
    if seen is None or not seen.kid or evidence.keys.problem or seen.kid in kids:
        return None
    return Found(
        observed=(
            told(first_call(evidence)),
            f"kid is {seen.kid}; published: {', '.join(sorted(kids))}",
        ),
        values={"kid": seen.kid},
    )


@BOOK.rule("token-expired-at-birth", needs=(*_NEEDS, "token"))
def token_expired_at_birth(evidence: Evidence) -> Found | None:
    """Find a fresh token that has expired."""
    seen = _refused_contents(evidence)
    if seen is None or seen.lives_for is None or seen.lives_for > 0:
        return None
    return Found(
        observed=(told(first_call(evidence)), f"exp is {-seen.lives_for:.0f} s in the past")
    )


@BOOK.rule("token-not-valid-yet", needs=_NEEDS)
def token_not_valid_yet(evidence: Evidence) -> Found | None:
    """Find a token whose time has not come."""
    seen = _refused_contents(evidence)
    if seen is None or seen.not_before_in is None or seen.not_before_in < 5:
        return None
    return Found(
        observed=(told(first_call(evidence)), f"nbf is {seen.not_before_in:.0f} s in the future")
    )


@BOOK.rule("call-blocked", needs=["calls"])
def call_blocked(evidence: Evidence) -> Found | None:
    """Find a firewall that lets requests through without a token only."""
    first = first_call(evidence)
    if not answers.is_edge_page(first):
        return None
    return Found(observed=(told(first),), values={"answer": first.answered})


@BOOK.rule("fresh-token-refused", needs=["calls", "token"])
def fresh_token_refused(evidence: Evidence) -> Found | None:
    """Find a server that refuses what its issuer has just issued."""
    first = first_call(evidence)
    return Found(observed=(told(first), *_reason(first))) if first.status == 401 else None


@BOOK.rule("token-may-not-arrive", needs=["calls", "token", "endpoint"])
def token_may_not_arrive(evidence: Evidence) -> Found | None:
    """Find a refusal of a fresh token that is the same as without a token."""
    first = first_call(evidence)
    assert evidence.endpoint is not None
    without = evidence.endpoint.first_refusal
    if first.status != 401 or without is None:
        return None
    same = first.headers.get("www-authenticate") == without.headers.get("www-authenticate")
    # Some servers name an error without a token too: there, only a proxy makes this likely.
    if not same or (_reason(first) and not evidence.parties & PROXIES):
        return None
    return Found(observed=(told(first), *_reason(first)))


@BOOK.rule("session-lost", needs=["calls"])
def session_lost(evidence: Evidence) -> Found | None:
    """Find a session that the second request does not find."""
    seen = evidence.calls
    assert seen is not None
    if not seen.has_session or seen.tools is None or seen.tools.status not in (400, 404):
        return None
    return Found(
        observed=(told(seen.initialize), told(seen.tools)), values={"answer": seen.tools.answered}
    )


@BOOK.rule("given-token-refused", needs=["calls"])
def given_token_refused(evidence: Evidence) -> Found | None:
    """Find a given token that is refused."""
    first = first_call(evidence)
    if first.status != 401 or evidence.token is not None:
        return None
    return Found(observed=(told(first), *_reason(first)))


def _reason(exchange: Exchange) -> tuple[str, ...]:
    header = exchange.headers.get("www-authenticate", "")
    return (f"WWW-Authenticate: {header}",) if "error" in header else ()


@BOOK.rule("scope-hint-too-small", needs=_NEEDS)
def scope_hint_too_small(evidence: Evidence) -> Found | None:
    """Find a call that needs scopes which the sign-in was not told to ask for."""
    needed = needed_scopes(evidence)
    asked = _asked(evidence)
    # What the user chose with --scope or what the issuer left out is not the server's mistake.
    if not needed or evidence.token is None or evidence.has_chosen_scope or needed <= asked:
        return None
    return Found(
        observed=(told(first_call(evidence)), f"The call needs {' '.join(sorted(needed))}"),
        values={"got": " ".join(sorted(asked)) or "no scope"},
        # Clients that step up get through, after a second sign-in.
        severity=Severity.SOME if evidence.step_up and evidence.step_up.works else None,
    )


@BOOK.rule("step-up-refused", needs=["step_up"])
def step_up_refused(evidence: Evidence) -> Found | None:
    """Find scopes that the server asks for, and that the issuer does not give."""
    seen = evidence.step_up
    assert seen is not None
    if seen.works or seen.sign_in.outcome == "no answer":
        return None
    got = _granted(seen)
    missing = needed_scopes(evidence) - got if got is not None else frozenset()
    if seen.sign_in.outcome == "code" and seen.token is not None and not missing:
        if seen.token.is_issued:
            return None
        answer = seen.token.exchange.error_code() or seen.token.exchange.answered
    elif missing:
        answer = f"not granted: {' '.join(sorted(missing))}"
    else:
        answer = f"{seen.sign_in.error} {seen.sign_in.text}".strip()
    return Found(
        observed=(f"Asked for: {seen.scope}", f"The issuer: {answer}"),
        values={"scope": seen.scope, "answer": answer},
    )


def _granted(seen: StepUpView) -> frozenset[str] | None:
    """Return the scopes of the second token; without a word of the issuer, it has all of them."""
    if seen.token is None or not seen.token.is_issued:
        return None
    said = seen.token.granted_scope
    return frozenset((said if said is not None else seen.scope).split())


@BOOK.rule("step-up-in-vain", needs=["step_up"])
def step_up_in_vain(evidence: Evidence) -> Found | None:
    """Find a server that asks for scopes, gets them, and refuses again."""
    seen = evidence.step_up
    assert seen is not None
    if (
        seen.works
        or seen.call is None
        or not needed_scopes(evidence) <= (_granted(seen) or frozenset())
    ):
        return None
    return Found(
        observed=(f"The token has: {seen.scope}", told(seen.call), *_reason(seen.call)),
        values={"answer": seen.call.answered},
    )


@BOOK.rule("scope-not-granted", needs=_NEEDS)
def scope_not_granted(evidence: Evidence) -> Found | None:
    """Find scopes that were asked for, and that the issuer did not grant."""
    needed, asked = needed_scopes(evidence), _asked(evidence)
    if not needed or evidence.token is None or not needed <= asked:
        return None
    granted = evidence.token.granted_scope
    assert evidence.contents is not None
    got = set((granted if granted is not None else evidence.contents.scope).split())
    if needed <= got:
        return None
    return Found(
        observed=(told(first_call(evidence)), f"Not granted: {' '.join(sorted(needed - got))}"),
        values={"asked": " ".join(sorted(asked)), "got": " ".join(sorted(got)) or "no scope"},
    )


@BOOK.rule("call-forbidden", needs=["calls"])
def call_forbidden(evidence: Evidence) -> Found | None:
    """Find any other 403 on a call with a token."""
    first = first_call(evidence)
    if first.status != 403:
        return None
    return Found(
        observed=(told(first), *_reason(first)),
        values={"answer": first.answered},
        blame=Blame.SERVER if first.document is not None else None,
        decide="" if first.document is not None else None,
    )


def needed_scopes(evidence: Evidence) -> frozenset[str]:
    """Return the scopes that a refused call needs, as its challenge says."""
    return evidence.calls.needed_scopes if evidence.calls else frozenset()


def _asked(evidence: Evidence) -> frozenset[str]:
    return frozenset((evidence.sign_in.asked_scope if evidence.sign_in else "").split())


@BOOK.rule("call-hangs", needs=["calls", "endpoint"])
def call_hangs(evidence: Evidence) -> Found | None:
    """Find calls with the token that get no answer, where a refusal comes at once."""
    seen = evidence.calls
    assert seen is not None
    assert evidence.endpoint is not None
    tries = [one for one in (seen.initialize, seen.tools, seen.modern) if one is not None]
    silent = [one for one in tries if _is_silent(one)]
    if not silent or evidence.endpoint.first_refusal is None:
        return None
    return Found(observed=tuple(told(one) for one in tries))


def _is_silent(exchange: Exchange) -> bool:
    failure = exchange.failure
    return exchange.status is None and failure is not None and failure.kind == "timeout"


@BOOK.rule("call-fails", needs=["calls"])
def call_fails(evidence: Evidence) -> Found | None:
    """Find a server that accepts the token, and gives no result in either era."""
    seen = evidence.calls
    assert seen is not None
    tries = [one for one in (seen.initialize, seen.tools, seen.modern) if one is not None]
    if any(one.status == 200 and "result" in (one.document or {}) for one in tries[1:]):
        return None
    failed = next((one for one in tries if _fails(one)), None)
    if failed is None or (failed.failure is not None and failed.failure.kind == "budget"):
        return None
    return Found(observed=tuple(told(one) for one in tries), values={"answer": failed.answered})


def _fails(exchange: Exchange) -> bool:
    if exchange.status is None or exchange.status >= 500:
        return True
    # A page where JSON-RPC belongs, such as the front page of an application.
    return exchange.status == 200 and exchange.is_html
