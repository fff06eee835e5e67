"""What a client or its log said, for the rules that read it."""

from collections.abc import Collection

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.findings.finding import Severity


def said(evidence: Evidence) -> str:
    """Return all sentences in lower case."""
    return " ".join(evidence.saw).lower()


def said_any(evidence: Evidence, words: Collection[str]) -> bool:
    """Return whether the sentences have one of ``words``, which are in lower case."""
    text = said(evidence)
    return any(word in text for word in words)


def quoted(evidence: Evidence) -> tuple[str, ...]:
    """Return the sentences as lines of evidence."""
    return tuple(f"The client said: {one}" for one in evidence.saw)


def is_explained(codes: Collection[str]) -> bool:
    """
    Return whether one of ``codes`` can be what a client complains of.

    CORS stops clients in browsers only, and a note stops nobody.
    """
    return any(
        FINDINGS[code].hop != "cors" and FINDINGS[code].severity is not Severity.NOTE
        for code in codes
    )
