"""Findings that need a look from inside: with ``--config``, or ``doorward.doctor.inside.check``."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="well-known-not-forwarded",
        hop="resource-metadata",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="The proxy forwards the MCP path to your server, and not {url}.",
        cause="Your server has the document and names its URL in the challenge. The request for it "
        "does not arrive: {answer}.",
        fix="Forward /.well-known/oauth-protected-resource, with everything below it, to the same "
        "server.",
        fixes={
            "nginx": "location ^~ /.well-known/oauth-protected-resource { proxy_pass ...; }",
            "traefik": "Add PathPrefix(`/.well-known/oauth-protected-resource`) to the router's rule.",
            "caddy": "handle /.well-known/oauth-protected-resource* { reverse_proxy ... }",
        },
        seen_as=("Failed to connect", "Unexpected token '<'"),
        threads=("PrefectHQ/fastmcp#2077", "outline/outline#11572"),
        specs=("RFC 9728 §3.1",),
    ),
    Finding(
        code="differs-outside",
        hop="resource-metadata",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="Outside, {member} is {got}; this configuration makes {expected}: {difference}.",
        cause="Another process answers, one with an older configuration, or a proxy changes the "
        "document at {url}.",
        fix="Restart or reload the process that answers there, or let the proxy pass documents on "
        "unchanged.",
        decide="Request the document from the process itself, on this machine. If it is right there, "
        "the proxy changes it, or sends the request to another process.",
        specs=("RFC 9728 §3.3", "RFC 8414 §3.3"),
    ),
    Finding(
        code="stopped-before-process",
        hop="edge",
        blame=Blame.UNSURE,
        severity=Severity.SOME,
        title="{ending}",
        cause="The last hops of the attempt {attempt} are in this process, and the request for "
        "{awaited} that must follow is not. A rule in front of it stopped the request, another "
        "replica got it, or the client did not send it.",
        fix="Let every user agent reach {awaited}, in each proxy and each CDN before this process.",
        fixes={
            "cloudflare": "Under Security, let POST {awaited} pass the managed rules for AI bots.",
        },
        decide="Look for {awaited} in the log of the proxy or the CDN at that time. A 403 there is the "
        "rule; a forwarded request went to another replica; if there is none, it is the client.",
        follows=("user-agent-blocked",),
        seen_as=("Authorization with the MCP server failed",),
        threads=("anthropics/claude-ai-mcp#299",),
    ),
)
