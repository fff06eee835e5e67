"""Findings about the name and its addresses."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="name-unresolved",
        hop="resolution",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The host name has no address.",
        cause="The name does not exist in the DNS that this machine asks, or it is misspelled.",
        fix="Check the URL. Then create an A record for {host} in the public DNS.",
        seen_as=("Couldn't reach the MCP server", "getaddrinfo ENOTFOUND"),
    ),
    Finding(
        code="addresses-mixed",
        hop="resolution",
        blame=Blame.CONFIGURATION,
        severity=Severity.SOME,
        title="The host name has public and non-public addresses.",
        cause="Hosted clients refuse a name if any of its addresses is not public, before they "
        "send a request. The server's log stays empty.",
        fix="Remove the records with {addresses} from the public DNS.",
        seen_as=("Couldn't reach the MCP server", "Authorization with the MCP server failed"),
        threads=("anthropics/claude-ai-mcp#227", "anthropics/claude-ai-mcp#479"),
    ),
    Finding(
        code="no-ipv4-address",
        hop="resolution",
        blame=Blame.CONFIGURATION,
        severity=Severity.SOME,
        title="The host name has no IPv4 address.",
        cause="Hosted clients connect over IPv4 only, and never send a request.",
        fix="Add an A record for {host}.",
        seen_as=("Couldn't reach the MCP server",),
        threads=("anthropics/claude-ai-mcp#227",),
    ),
)
