"""Rules about the issuer's keys."""

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()


@BOOK.rule("keys-unreadable", needs=["keys"])
def keys_unreadable(evidence: Evidence) -> Found | None:
    """Find a ``jwks_uri`` without keys."""
    seen = evidence.keys
    assert seen is not None
    failure = seen.exchange.failure
    if not seen.problem or (failure is not None and failure.kind == "budget"):
        return None
    return Found(
        observed=(told(seen.exchange),), values={"answer": seen.exchange.answered, "url": seen.url}
    )


@BOOK.rule("private-key-published", needs=["keys"])
def private_key_published(evidence: Evidence) -> Found | None:
    """Find a key set with a secret."""
    seen = evidence.keys
    assert seen is not None
    key = next((one for one in seen.keys if one.is_private), None)
    if key is None:
        return None
    name = f"the key {key.kid}" if key.kid else f"a key of type {key.kty}"
    return Found(observed=(f"{seen.url} has {name} with its secret part",), values={"kid": name})
