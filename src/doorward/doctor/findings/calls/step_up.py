"""Findings of the step from one scope to more."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="scope-hint-too-small",
        hop="calls",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server asks for scopes at the sign-in, and for others at the call.",
        cause="The token has {got}, as the server's challenge and metadata said. The call needs more.",
        fix="Name the scopes of a first call in the challenge.",
        follows=("step-up-refused", "step-up-in-vain"),
        seen_as=("insufficient_scope",),
        threads=("anthropics/claude-code#83679",),
        specs=("MCP 2026-07-28 scope selection strategy",),
    ),
    Finding(
        code="scope-not-granted",
        hop="calls",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer grants fewer scopes than the client asked for, and the call needs them.",
        cause="The client asked for {asked}; the token has {got}.",
        fix="Allow the user and the client these scopes at the issuer.",
        follows=("step-up-refused", "step-up-in-vain"),
        seen_as=("insufficient_scope",),
    ),
    Finding(
        code="step-up-refused",
        hop="step-up",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The server asks for more scopes at a call, and the issuer does not give them ({answer}).",
        cause="A client that steps up asks for {scope}. It signs in again, and stays where it was.",
        fix="Allow the user and the client these scopes at the issuer, or let the server ask for scopes "
        "that the issuer knows.",
        seen_as=("insufficient_scope", "invalid_scope"),
        threads=("modelcontextprotocol/typescript-sdk#1151",),
        specs=("MCP 2026-07-28 authorization, Scope Challenge Handling",),
    ),
    Finding(
        code="step-up-in-vain",
        hop="step-up",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="With the scopes that the server asked for, it refuses the call again ({answer}).",
        cause="The server reads scopes elsewhere in the token than the issuer writes them, or asks for "
        "others than it checks. Clients sign in again and again.",
        fix="Compare the scopes in the challenge with those that the server checks, and the claim that "
        "it reads (scope, scp, roles).",
        seen_as=("insufficient_scope",),
        threads=("modelcontextprotocol/python-sdk#3103", "PrefectHQ/fastmcp#4513"),
        specs=("MCP 2026-07-28 authorization, Scope Challenge Handling",),
    ),
)
