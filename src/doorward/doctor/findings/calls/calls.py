"""Findings of calls with a token."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = ("Authorization with the MCP server failed",)
_EXPLAINED = (
    "token-wrong-audience", "token-wrong-issuer", "token-unknown-key", "token-not-valid-yet",
    "token-expired-at-birth", "token-encrypted", "call-blocked",
)  # fmt: skip


FINDINGS = (
    Finding(
        code="call-blocked",
        hop="calls",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="A firewall refuses the call with the token ({answer}).",
        cause="The answer is a page of the edge: a rule refuses requests with this token, of this size "
        "or of this kind.",
        fix="Allow POST with an Authorization header to the MCP path.",
        fixes={"cloudflare": "Add a WAF custom rule with the action Skip for the MCP path."},
        seen_as=_SEEN,
        threads=("anthropics/claude-ai-mcp#438",),
    ),
    Finding(
        code="fresh-token-refused",
        hop="calls",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server refuses the token that its issuer has just issued.",
        cause="Nothing in the token explains it: issuer, audience, key and time fit. The server's "
        "verification or introspection is wrong.",
        fix="Find the reason in the server's log; compare its settings for issuer, audience and keys.",
        follows=(*_EXPLAINED, "given-token-refused", "token-may-not-arrive"),
        seen_as=("invalid_token", *_SEEN),
        threads=("SocketDev/socket-mcp#185", "anthropics/claude-ai-mcp#912"),
    ),
    Finding(
        code="token-may-not-arrive",
        hop="calls",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="With a fresh token, the server answers as without one.",
        cause="Either the server's verification refuses the token and does not say so, or a proxy "
        "removes the Authorization header.",
        fix='Let the proxy pass on Authorization, and let the server say error="invalid_token".',
        fixes={
            "nginx": 'Remove proxy_set_header Authorization ""; from the location.',
            "apache": "Set CGIPassAuth On, or pass the header with SetEnvIf.",
        },
        decide="The server's log says whether a token came. If none came, the proxy removes it; if one "
        "came, the log has the reason.",
        follows=(*_EXPLAINED, "given-token-refused"),
        seen_as=_SEEN,
        threads=("SocketDev/socket-mcp#185",),
    ),
    Finding(
        code="session-lost",
        hop="calls",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server does not know the session that it began a moment ago ({answer}).",
        cause="Sessions are in the memory of one process, and another one got the second request.",
        fix="Share sessions between the replicas, send a client to the same replica, or serve "
        "2026-07-28, which needs no session.",
        seen_as=("Session not found", "No valid session ID provided"),
        threads=("PrefectHQ/fastmcp#482", "zereight/gitlab-mcp#441"),
    ),
    Finding(
        code="given-token-refused",
        hop="calls",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The server refuses the token that you gave.",
        cause="The token may be expired, revoked or for another server; or the server's check is wrong.",
        fix="Run the doctor with --sign-in --register, so that it sees a fresh token.",
        decide="With a fresh token of the server's own issuer, a refusal is the server's.",
        follows=(*_EXPLAINED, "given-token-expired"),
        seen_as=("invalid_token",),
    ),
    Finding(
        code="call-forbidden",
        hop="calls",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The server forbids the call ({answer}), and does not say which scope it needs.",
        cause="The token is accepted, and something else is missing: a role, a group, a licence.",
        fix='Answer with WWW-Authenticate: Bearer error="insufficient_scope", scope="..." if a '
        "scope is missing.",
        decide="The server's log says what is missing.",
        follows=(
            "host-refused",
            "host-refused",
            "call-blocked",
            "scope-hint-too-small",
            "scope-not-granted",
            "step-up-refused",
            "step-up-in-vain",
            "token-lacks-scope",
        ),
    ),
    Finding(
        code="call-hangs",
        hop="calls",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="Calls with the token get no answer in time, and refusals do.",
        cause="Either a proxy holds back an event stream that the server leaves open, or the server "
        "waits, such as for an introspection endpoint or a database.",
        fix="Turn off buffering for the MCP path. If that does not help, look for what the server "
        "waits for.",
        fixes={
            "nginx": "Set proxy_buffering off; in the location, or let the server send "
            "X-Accel-Buffering: no.",
        },
        decide="Send the same call to the server from behind the proxy. If it answers there at once, "
        "the proxy buffers; if not, the server waits.",
        follows=("stream-held-back",),
        seen_as=("MCP error -32001: Request timed out",),
        threads=("anthropics/claude-ai-mcp#360", "akutishevsky/withings-mcp#24"),
    ),
    Finding(
        code="call-fails",
        hop="calls",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The call with the token fails ({answer}).",
        cause="The server accepts the token, and then gives no result of MCP.",
        fix="Find the request in the server's log.",
        follows=("host-refused", "call-blocked", "session-lost", "stream-held-back", "call-hangs"),
        seen_as=("No app actions available", *_SEEN),
    ),
)
