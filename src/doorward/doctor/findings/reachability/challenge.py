"""Findings about the 401 and its ``WWW-Authenticate`` header."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="challenge-missing",
        hop="challenge",
        blame=Blame.UNSURE,
        severity=Severity.SOME,
        title="The 401 has no WWW-Authenticate header.",
        cause="Several clients start a sign-in only after this header. The application does not "
        "send it, or a proxy removes it.",
        fix='Send WWW-Authenticate: Bearer resource_metadata="..." with every 401.',
        decide="Request the server from behind the proxy: if the header is there, the proxy removes "
        "it.",
        seen_as=("Failed to connect", "Server does not implement OAuth"),
        threads=("czlonkowski/n8n-mcp#604", "open-orbis/open-orbis#423"),
        specs=("RFC 6750 §3", "RFC 9728 §5.1"),
    ),
    Finding(
        code="challenge-malformed",
        hop="challenge",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The WWW-Authenticate header cannot be parsed: {problem}.",
        cause="Strict clients ignore a malformed header, and find no metadata in it.",
        fix='Write the parameters as name="value", separated by commas, behind the word Bearer.',
        specs=("RFC 9110 §11.6.1",),
    ),
    Finding(
        code="challenge-not-bearer",
        hop="challenge",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The 401 asks for {scheme}, not for a bearer token.",
        cause="A password or another sign-in protects the endpoint. MCP clients send bearer tokens "
        "only.",
        fix="Remove this protection from the MCP path and from /.well-known/oauth-*.",
        fixes={"nginx": "Add auth_basic off; to the locations of both."},
        decide="If the server's log has a line for this request, the server asks; if not, the proxy "
        "does.",
        seen_as=("Failed to connect",),
    ),
    Finding(
        code="challenge-lost-with-empty-token",
        hop="challenge",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="With an empty token, the 401 has no challenge.",
        cause="The check for an empty bearer token runs before the code that adds the challenge. "
        "Clients with an empty stored token never start a sign-in.",
        fix="Send the same challenge with every 401.",
        follows=("challenge-lost-with-bad-token",),
        threads=("IBM/mcp-context-forge#3990",),
        specs=("RFC 6750 §3",),
    ),
    Finding(
        code="challenge-lost-with-bad-token",
        hop="challenge",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="With an unknown token, the 401 has no challenge.",
        cause="Only a request without a token gets the challenge. When a token expires, clients do "
        "not find the way back to the sign-in.",
        fix="Send the same challenge with every 401.",
        specs=("RFC 6750 §3",),
    ),
    Finding(
        code="bad-token-status",
        hop="challenge",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="An unknown token gets {status} instead of 401.",
        cause="Clients renew a token after a 401 only. After any other status they show an error "
        "when the token expires.",
        fix='Answer 401 with error="invalid_token" to every token that is not accepted.',
        follows=("rate-limited",),
        specs=("RFC 6750 §3.1",),
    ),
    Finding(
        code="any-token-accepted",
        hop="challenge",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The server accepts a token that nobody issued.",
        cause="The server checks that a token is there, and does not verify it. Everyone can sign in.",
        fix="Verify signature, issuer, audience and expiry of every token, or introspect it.",
        specs=("RFC 6750 §5.2",),
    ),
)
