"""Findings about registration."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = (
    "Incompatible auth server: does not support dynamic client registration",
    "Dynamic client registration failed",
    "Dynamic client registration not supported",
    "Dynamic registration failed",
)
_FIXES = {
    "keycloak": "In Clients > Client registration > Anonymous access policies, change Trusted Hosts: "
    "clients on desktops come from any address. Or create a public client, and enter its id in the client.",
    "okta": "Okta registers clients for administrators only. Create an app integration, and enter its "
    "client id in the client.",
    "auth0": "Turn on Dynamic Client Registration in the tenant's Advanced settings, and promote a "
    "connection to domain level.",
}

FINDINGS = (
    Finding(
        code="registration-absent",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The advertised registration endpoint does not exist ({answer}).",
        cause="Clients try it first, and stop there.",
        fix="Serve the endpoint, or remove registration_endpoint from the metadata.",
        seen_as=_SEEN,
        specs=("RFC 7591 §3",),
    ),
    Finding(
        code="registration-closed",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The registration endpoint refuses unknown clients ({answer}).",
        cause="The issuer registers clients for administrators, or from known hosts only. MCP clients "
        "register without a token.",
        fix="Open registration for unknown clients, or remove registration_endpoint from the metadata "
        "and register clients by hand.",
        fixes=_FIXES,
        seen_as=(*_SEEN, "Policy 'Trusted Hosts' rejected request"),
        threads=("geelen/mcp-remote#135", "anthropics/claude-code#2527"),
        specs=("RFC 7591 §3",),
    ),
    Finding(
        code="registration-fails",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The registration endpoint fails ({answer}).",
        cause="The issuer ends the registration of a client with an error of its own.",
        fix="Find the request in the issuer's log.",
        seen_as=_SEEN,
    ),
    Finding(
        code="registration-refused",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer refuses the registration of a client on a desktop ({answer}).",
        cause="The issuer says: {said}. The client is public, has a redirect URI at 127.0.0.1, and uses "
        "the authorization code flow, as MCP clients do.",
        fix="Accept token_endpoint_auth_method none and loopback redirect URIs, or register clients "
        "by hand.",
        fixes=_FIXES,
        seen_as=_SEEN,
        specs=("RFC 7591 §3.2.2", "RFC 8252 §7.3"),
    ),
    Finding(
        code="registration-blocked",
        hop="registration",
        blame=Blame.PROXY,
        severity=Severity.SOME,
        title="A firewall refuses requests to the registration endpoint ({answer}).",
        cause="The answer is a page of the edge, not of the issuer.",
        fix="Allow POST to the registration endpoint for clients that are not browsers.",
        fixes={
            "cloudflare": "Add a WAF custom rule with the action Skip for the registration endpoint."
        },
        seen_as=_SEEN,
        threads=("anthropics/claude-ai-mcp#49",),
    ),
    Finding(
        code="registration-limited",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The registration endpoint answers the first request with 429.",
        cause="A rate limit is spent already. Hosted clients share a few addresses and register often, "
        "so a limit per address stops all users at once.",
        fix="Raise the limit, or do not count by address alone. Give equal registrations the same id.",
        seen_as=("429 Too Many Requests", *_SEEN),
        threads=("activepieces/activepieces#15016", "laravel/mcp#321"),
    ),
    Finding(
        code="client-documents-need-secret",
        hop="registration",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="Only clients that can keep a secret can use client ID metadata documents here.",
        cause="token_endpoint_auth_methods_supported lacks none, so clients on desktops ignore "
        "client_id_metadata_document_supported.",
        fix="Add none to token_endpoint_auth_methods_supported.",
        seen_as=_SEEN,
        follows=("client-auth-unsupported",),
    ),
    Finding(
        code="client-needs-registration-by-hand",
        hop="registration",
        blame=Blame.CONFIGURATION,
        severity=Severity.SOME,
        title="This issuer gives clients no id by themselves.",
        cause="It supports neither registration nor client ID metadata documents. Clients need the id "
        "of a client that an administrator created.",
        fix="Create a public client at the issuer with the client's redirect URIs, and enter its id "
        "in the client. A client without a field for an id cannot connect.",
        seen_as=_SEEN,
        threads=(
            "anthropics/claude-code#2527",
            "modelcontextprotocol/inspector#167",
            "microsoft/vscode#252892",
        ),
        specs=("MCP 2026-07-28 client registration",),
    ),
)
