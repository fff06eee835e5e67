"""Findings about the edge: who is let through under which name."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="user-agent-blocked",
        hop="edge",
        blame=Blame.PROXY,
        severity=Severity.SOME,
        title="The {place} refuses requests of {clients}, by their user agent.",
        cause="A rule against bots, or a firewall, refuses this user agent. The same request under "
        "another name passes. The server never sees the client's requests.",
        fix='Allow the user agent "{agent}" on the MCP path, /.well-known/oauth-* and the token '
        "endpoint.",
        fixes={
            "cloudflare": "In Security > Bots turn off Block AI bots for this host, or add a WAF custom "
            "rule with the action Skip for these paths. Security > Events lists what was refused.",
            "aws": "In AWS WAF, exclude these paths from the managed rule group Bot Control.",
            "nginx": "Remove the user agent from the map or if that returns 403.",
        },
        follows=("blocked-by-edge",),
        seen_as=("Authorization with the MCP server failed", "403 Forbidden"),
        threads=(
            "anthropics/claude-ai-mcp#80",
            "anthropics/claude-ai-mcp#438",
            "anthropics/claude-ai-mcp#1061",
        ),
    ),
)
