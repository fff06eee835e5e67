"""Findings about what an issuer can do, by its metadata and its token answer."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="code-flow-missing",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer does not offer the authorization code flow ({offered}).",
        cause="MCP clients sign people in with this flow only.",
        fix="Offer response_types_supported with code, and grant_types_supported with "
        "authorization_code.",
        specs=("MCP 2026-07-28 authorization", "RFC 8414 §2"),
    ),
    Finding(
        code="pushed-requests-required",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer accepts pushed authorization requests only.",
        cause="MCP clients send the parameters to the authorization endpoint, and push none.",
        fix="Let the issuer accept authorization requests that are not pushed, for these clients.",
        fixes={
            "keycloak": "Clients > the client > Advanced > Pushed authorization request required: Off."
        },
        specs=("RFC 9126 §5",),
    ),
    Finding(
        code="client-auth-unsupported",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The token endpoint offers no way in which most MCP clients authenticate ({offered}).",
        cause="Most MCP clients are public, or have a secret. Few have a key, and none a certificate.",
        fix="Offer none, client_secret_basic or client_secret_post in "
        "token_endpoint_auth_methods_supported.",
        seen_as=("invalid_client",),
        threads=("anthropics/claude-ai-mcp#5",),
        specs=("RFC 8414 §2",),
    ),
    Finding(
        code="token-type-missing",
        hop="token",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The token answer has no token_type.",
        cause="The member is required. Strict clients, the official SDKs among them, refuse the "
        "answer.",
        fix='Add "token_type": "Bearer".',
        specs=("RFC 6749 §5.1",),
    ),
)
