"""Findings about the issuer's keys."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="keys-unreadable",
        hop="keys",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer's keys cannot be read ({answer}).",
        cause="Servers that verify tokens by key refuse every token of this issuer.",
        fix="Serve a JSON object with keys at {url}, without authentication.",
        follows=("issuer-endpoint-not-allowed",),
        seen_as=("invalid_token",),
        specs=("RFC 7517 §5", "RFC 8414 §2"),
    ),
    Finding(
        code="private-key-published",
        hop="keys",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer publishes a secret key.",
        cause="The key set has the private part of {kid}: everyone can issue tokens.",
        fix="Replace the key now, and publish only public parts.",
        specs=("RFC 7517 §9.2",),
    ),
)
