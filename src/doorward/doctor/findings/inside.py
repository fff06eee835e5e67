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
)
