"""Scope strings: space-separated scopes in any order."""

import re

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def parse_scope(text: str) -> frozenset[str] | None:
    """
    Return the scopes in ``text``, or ``None`` if it is not a scope string.

    ``"a b"`` gives ``{"a", "b"}``; the empty string gives the empty set.

    Spec: RFC 6749 §3.3
    """
    tokens = text.split(" ") if text else []
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        return None
    return frozenset(tokens)


def build_scope(scopes: frozenset[str]) -> str:
    """Return the scopes as one sorted string, so that equal sets give equal strings."""
    return " ".join(sorted(scopes))
