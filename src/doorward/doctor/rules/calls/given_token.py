"""Rules about a token or a scope that the user chose."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.calls.calls import first_call, needed_scopes
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()


@BOOK.rule("given-token-expired", needs=["calls", "contents"])
def given_token_expired(evidence: Evidence) -> Found | None:
    """Find a given token whose time is over."""
    seen, first = evidence.contents, first_call(evidence)
    assert seen is not None
    if evidence.token is not None or first.status != 401 or seen.lives_for is None:
        return None
    if seen.lives_for > 0:
        return None
    return Found(
        observed=(told(first), f"exp is {-seen.lives_for:.0f} s in the past"),
        values={"ago": f"{-seen.lives_for:.0f} s"},
    )


@BOOK.rule("token-lacks-scope", needs=["calls"])
def token_lacks_scope(evidence: Evidence) -> Found | None:
    """Find a scope that the user's token lacks, or that the user did not choose."""
    needed = needed_scopes(evidence)
    if not needed or (evidence.token is not None and not evidence.has_chosen_scope):
        return None
    got = set(evidence.contents.scope.split()) if evidence.contents is not None else set()
    # Then the server refuses scopes that the token has, which is another fault.
    if needed <= got:
        return None
    return Found(
        observed=(told(first_call(evidence)),),
        values={"needed": " ".join(sorted(needed)), "got": " ".join(sorted(got)) or "no scope"},
    )
