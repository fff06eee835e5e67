"""Findings of the token endpoint."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = ("Authorization with the MCP server failed",)

FINDINGS = (
    Finding(
        code="token-blocked",
        hop="token",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="A firewall refuses the token request ({answer}).",
        cause="The answer is a page of the edge, not of the issuer.",
        fix="Allow POST to the token endpoint for clients that are not browsers.",
        fixes={"cloudflare": "Add a WAF custom rule with the action Skip for the token endpoint."},
        follows=("token-endpoint-blocked",),
        seen_as=_SEEN,
        threads=("anthropics/claude-ai-mcp#49",),
    ),
    Finding(
        code="client-secret-wrong",
        hop="token",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The issuer does not accept the client's credentials ({answer}).",
        cause="The client secret is wrong, missing, or the client is of another kind at the issuer.",
        fix="Copy the secret again. For a client without a secret, make it a public client at the "
        "issuer.",
        follows=("token-blocked",),
        seen_as=("invalid_client", "Bad credentials"),
        threads=("anthropics/claude-code#83679",),
        specs=("RFC 6749 §5.2",),
    ),
    Finding(
        code="registered-client-refused",
        hop="token",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer refuses the client that it has just registered ({answer}).",
        cause="The registration said authentication method {method}, and the token endpoint does not "
        "accept it; or the registration is not known to every replica.",
        fix="Let the token endpoint accept the method of the registration.",
        seen_as=("invalid_client",),
        threads=("anthropics/claude-ai-mcp#5", "openai/codex#40928"),
        specs=("RFC 7591 §3.2.1",),
    ),
    Finding(
        code="code-without-scope",
        hop="token",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The sign-in works without scopes, and the code cannot be exchanged.",
        cause="Neither the challenge nor the resource metadata names scopes, so the client asked for "
        "none. This issuer exchanges no code without a scope.",
        fix="Name scopes in the challenge and in scopes_supported.",
        seen_as=("invalid_grant",),
        threads=("anthropics/claude-code#90190",),
    ),
    Finding(
        code="token-refused",
        hop="token",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The token endpoint refuses the code ({answer}).",
        cause="The code came from this issuer a moment ago.",
        fix="Find the request in the issuer's log.",
        decide="invalid_grant with several replicas: codes are kept in one process's memory. "
        "Otherwise the issuer's log names the parameter.",
        follows=(
            "token-blocked",
            "client-secret-wrong",
            "registered-client-refused",
            "code-without-scope",
            "token-endpoint-reads-no-forms",
        ),
        seen_as=("invalid_grant", *_SEEN),
        threads=("Altinity/altinity-mcp#113",),
    ),
    Finding(
        code="token-endpoint-reads-no-forms",
        hop="token",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token endpoint does not read forms ({answer}).",
        cause="OAuth clients send application/x-www-form-urlencoded, and this endpoint wants something "
        "else, such as JSON.",
        fix="Let the token endpoint read application/x-www-form-urlencoded.",
        seen_as=("415 Unsupported Media Type", *_SEEN),
        specs=("RFC 6749 §4.1.3",),
    ),
    Finding(
        code="token-answer-unreadable",
        hop="token",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token endpoint answers 200 without a token that clients can read.",
        cause="The answer is no JSON object with access_token. Some providers answer forms unless JSON "
        "is asked for, or say 200 with an error.",
        fix="Answer a JSON object with access_token and token_type.",
        specs=("RFC 6749 §5.1",),
    ),
)
