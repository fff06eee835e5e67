"""Findings about the connection and its certificate."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="certificate-untrusted",
        hop="connection",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The certificate of {host} is not trusted.",
        cause="{why}",
        fix="{change}",
        fixes={
            "nginx": "Set ssl_certificate to the full chain (fullchain.pem), not to the "
            "certificate alone, and reload nginx.",
        },
        seen_as=("unable to verify the first certificate", "self-signed certificate"),
    ),
    Finding(
        code="tls-failed",
        hop="connection",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="No TLS connection to {host}.",
        cause="The port does not speak TLS, or only versions that clients no longer accept.",
        fix="Serve https with TLS 1.2 or 1.3 on this port.",
        decide="Request the same port over http from the server's own network: an answer means that "
        "the port does not speak TLS.",
        seen_as=("wrong version number", "EPROTO"),
    ),
    Finding(
        code="connection-refused",
        hop="connection",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="Nothing accepts connections at {host}.",
        cause="The server is not running, listens on another port or address, or a firewall "
        "refuses this network.",
        fix="Start the server, and let it listen on this port at an address that clients reach.",
        decide="Connect from the server's own machine: if that works, a firewall or the listening "
        "address is the cause.",
        seen_as=("ECONNREFUSED", "fetch failed"),
    ),
    Finding(
        code="connection-times-out",
        hop="connection",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="{host} accepts no connection in time.",
        cause="A firewall or a security group drops the packets, or the address is no longer used.",
        fix="Allow connections from the internet to this port.",
        decide="Connect from another network: if that works, a filter of addresses is the cause.",
        seen_as=("ETIMEDOUT", "Couldn't reach the MCP server"),
    ),
    Finding(
        code="endpoint-hangs",
        hop="connection",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="{host} accepts the connection and does not answer the first request in time.",
        cause="The server, or what it waits for, hangs; or a proxy holds the answer back. Hosted "
        "clients give up after about ten seconds.",
        fix="Find in the server's log what initialize waits for.",
        decide="Look for the request in the server's log. If it finished there at once, the proxy "
        "holds the answer back.",
        seen_as=("request timed out", "MCP error -32001: Request timed out"),
    ),
    Finding(
        code="connection-lost",
        hop="connection",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="{host} ends the connection without an answer.",
        cause="The server crashed, does not speak HTTP, or a device on the way cuts the connection.",
        fix="Read the server's log at the time of this report.",
        decide="Send the request from the server's own machine: if it is answered there, something "
        "on the way cuts it.",
        seen_as=("socket hang up", "ECONNRESET"),
    ),
)
