"""Findings about what a client is set to or keeps, where the server and the issuer are right."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_NO_REGISTRATION = "Incompatible auth server: does not support dynamic client registration"

FINDINGS = (
    Finding(
        code="client-has-other-url",
        hop="endpoint",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client is set to {other}, which is not the URL of this report.",
        cause="The sentence is about another URL: a typing error, an old address, or a slash too much "
        "or too little.",
        fix="Enter {url} in the client, byte for byte. If {other} is right, run the doctor on it.",
        seen_as=("Protected resource ... does not match expected ...", "getaddrinfo ENOTFOUND"),
        threads=("microsoft/vscode#259251", "NapthaAI/http-oauth-mcp-server#2"),
        specs=("RFC 9728 §3.3",),
    ),
    Finding(
        code="client-cannot-resolve",
        hop="resolution",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client's machine does not resolve {host}, and this machine does.",
        cause="The client asks another name server: that of a company, a VPN or a container.",
        fix="Resolve {host} on the client's machine, and correct its DNS, VPN or container network.",
        seen_as=("getaddrinfo ENOTFOUND", "EAI_AGAIN"),
    ),
    Finding(
        code="resource-not-exact",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="Strict clients refuse the resource: {difference}.",
        cause="The metadata names {resource}, and the client was given {url}. The official SDKs accept "
        "a parent path; some clients compare both byte for byte, as the RFC says.",
        fix="Set resource to the URL that users enter, or let users enter {resource} if the MCP "
        "server answers there.",
        follows=("resource-mismatch",),
        seen_as=("Protected resource ... does not match expected ...",),
        threads=(
            "google-gemini/gemini-cli#24484",
            "microsoft/vscode#259251",
            "microsoft/vscode#255255",
        ),
        specs=("RFC 9728 §3.3",),
    ),
    Finding(
        code="client-keeps-old-metadata",
        hop="issuer",
        blame=Blame.CLIENT,
        severity=Severity.STOPS,
        title="The client does not speak of the metadata that is published now.",
        cause="{now} The client keeps an earlier answer, or an old version of it reads another document.",
        fix="Remove the server from the client, delete what the client stored for it, update the "
        "client, and add the server again.",
        seen_as=(
            "Protected resource ... does not match expected ...",
            _NO_REGISTRATION,
            "Incompatible auth server: does not support code challenge method S256",
        ),
        threads=("anthropics/claude-code#84614", "modelcontextprotocol/inspector#167"),
    ),
    Finding(
        code="client-lacks-documents",
        hop="registration",
        blame=Blame.CLIENT,
        severity=Severity.SOME,
        title="The client wants to register, and the issuer takes client ID metadata documents.",
        cause="The issuer is right for 2025-11-25 and later. This version of the client has no "
        "metadata document, or does not use it.",
        fix="Update the client. If that does not help, create a client at the issuer by hand, and "
        "enter its id in the client.",
        seen_as=(_NO_REGISTRATION,),
        threads=("anthropics/claude-code#2527", "modelcontextprotocol/python-sdk#1801"),
        specs=("MCP 2026-07-28 client registration",),
    ),
    Finding(
        code="client-uses-old-transport",
        hop="endpoint",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client is set to the transport of 2024-11-05, and the server speaks a newer one.",
        cause='The client opens a stream with GET, as with "type": "sse". A server of Streamable HTTP '
        "may refuse that.",
        fix='Set the type of this server to "http" (or "streamable-http") in the client.',
        seen_as=("SSE error: Non-200 status code (405)", "SSE error: Invalid content type"),
        specs=("MCP 2025-11-25 transports, Streamable HTTP",),
    ),
    Finding(
        code="client-variable-not-set",
        hop="calls",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client sends the name of a variable instead of a token.",
        cause="The variable in the client's settings is not set, or the client does not replace it "
        "there.",
        fix="Set the variable in the environment of the client, or sign in instead.",
        seen_as=("Authorization: Bearer ${API_KEY}", "Authorization: Bearer undefined"),
        threads=("anthropics/claude-code#91785",),
    ),
    Finding(
        code="client-races-refresh",
        hop="refresh",
        blame=Blame.CLIENT,
        severity=Severity.SOME,
        title="Two processes of the client use one refresh token.",
        cause="The issuer gives a new refresh token with each refresh. A second window of the client "
        "sends the old one, which looks like theft.",
        fix="Update the client, or use one window. A grace period at the issuer hides it.",
        follows=("refresh-race",),
        seen_as=("invalid_grant: refresh token has already been used",),
        threads=("anthropics/claude-code#55055", "anthropics/claude-ai-mcp#228"),
        specs=("RFC 9700 §4.14.2",),
    ),
    Finding(
        code="client-asks-other-scopes",
        hop="authorize",
        blame=Blame.CLIENT,
        severity=Severity.STOPS,
        title="The client asks for {asked}, which neither the server nor the issuer names as a scope.",
        cause="The client made the scope up, took it from another document, or keeps it in its settings.",
        fix="Remove the scope from the client's settings, or update the client.",
        seen_as=("invalid_scope", "Requested scopes are not valid"),
        threads=("modelcontextprotocol/python-sdk#1636",),
        specs=("MCP 2026-07-28 scope selection strategy",),
    ),
)
