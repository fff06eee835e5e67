"""Rules about the name and its addresses."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()


@BOOK.rule("name-unresolved", needs=["resolution"])
def name_unresolved(evidence: Evidence) -> Found | None:
    """Find a name without addresses."""
    seen = evidence.resolution
    assert seen is not None
    if seen.addresses or (seen.failure and seen.failure.kind != "no-address"):
        return None
    return Found(observed=(f"{seen.host} does not resolve.",), values={"host": seen.host})


@BOOK.rule("addresses-mixed", needs=["resolution"])
def addresses_mixed(evidence: Evidence) -> Found | None:
    """Find a name with public and other addresses."""
    seen = evidence.resolution
    assert seen is not None
    # Of an internal name all addresses are internal: that is a choice, not a mistake.
    if not seen.not_public or seen.is_internal:
        return None
    hidden = ", ".join(seen.not_public)
    return Found(
        observed=(f"{seen.host} has {', '.join(seen.addresses)}. Not public: {hidden}.",),
        values={"addresses": hidden},
    )


@BOOK.rule("no-ipv4-address", needs=["resolution"])
def no_ipv4_address(evidence: Evidence) -> Found | None:
    """Find a public name that only IPv6 reaches."""
    seen = evidence.resolution
    assert seen is not None
    if seen.is_literal or seen.not_public or not seen.addresses:
        return None
    if any(":" not in one for one in seen.addresses):
        return None
    return Found(
        observed=(f"{seen.host} has only {', '.join(seen.addresses)}.",),
        values={"host": seen.host},
    )
