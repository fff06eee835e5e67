"""Findings about a token or a scope that the user chose."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="given-token-expired",
        hop="token-contents",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The token that you gave has expired ({ago} ago).",
        cause="The server refuses it, as it must.",
        fix="Get a new token, or run the doctor with --sign-in --register.",
    ),
    Finding(
        code="token-lacks-scope",
        hop="calls",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The call needs {needed}, and the token has {got}.",
        cause="The server accepts the token, and says which scope is missing: it is right.",
        fix="Get a token with that scope: request it with --scope, or where the token was made.",
        seen_as=("insufficient_scope",),
        specs=("RFC 6750 §3.1",),
    ),
)
