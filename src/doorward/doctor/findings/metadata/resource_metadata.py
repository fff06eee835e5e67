"""Findings about the protected resource metadata."""

from doorward.doctor.findings.finding import Blame, Finding, Severity
from doorward.doctor.findings.reachability.endpoint import UNREACHED

_SEEN = (
    "Failed to discover OAuth metadata",
    "Failed to discover OAuth configuration",
    "Error fetching OAuth configuration",
    "Authorization with the MCP server failed",
)
_UNREAD = (
    "metadata-url-http", "metadata-url-not-allowed", "metadata-page", "metadata-protected",
    "metadata-not-found", "metadata-unreadable",
)  # fmt: skip

FINDINGS = (
    Finding(
        code="metadata-url-http",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The challenge names the metadata with http instead of https.",
        cause="The application builds the URL from the request that its proxy sends it over http.",
        fix="Set the server's public URL in its settings, or let it trust X-Forwarded-Proto from "
        "this proxy alone.",
        fixes={
            "uvicorn": "Start uvicorn with --proxy-headers and --forwarded-allow-ips set to the "
            "proxy's address.",
            "nginx": "Add proxy_set_header X-Forwarded-Proto $scheme; to the location.",
        },
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#449", "microsoft/mcp#1972"),
        specs=("RFC 9728 §3",),
    ),
    Finding(
        code="metadata-url-not-allowed",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The challenge names a metadata URL that clients cannot use ({reason}).",
        cause="The URL is that of the server's own network or of its container. Clients refuse "
        "private addresses that a public server names.",
        fix="Set the server's public URL in its settings.",
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#545",),
        specs=("RFC 9728 §7.7",),
    ),
    Finding(
        code="metadata-page",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="A web page answers where the resource metadata should be.",
        cause="The fallback route of a web application answers every path with its page. Clients "
        "take the page for metadata, and fail to parse it.",
        fix="Serve the metadata as JSON at {url}, and 404 at every other /.well-known/oauth-* path.",
        fixes={
            "nginx": "Add location /.well-known/oauth-protected-resource { proxy_pass to the MCP "
            "server; } before the location with try_files.",
        },
        seen_as=("Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",),
        threads=("outline/outline#11572",),
        follows=("metadata-url-http", "well-known-not-forwarded"),
        specs=("RFC 9728 §3.2",),
    ),
    Finding(
        code="metadata-protected",
        hop="resource-metadata",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The resource metadata asks for a sign-in itself ({answer}).",
        cause="A rule that protects everything also protects /.well-known/. Clients read metadata "
        "before they have a token.",
        fix="Exclude /.well-known/oauth-protected-resource from authentication.",
        fixes={
            "nginx": "If a location such as ~ /\\. denies hidden files, add location ^~ /.well-known/ "
            "with proxy_pass to the MCP server: nginx then skips that rule.",
        },
        decide="If the server's log has a line for this request, its middleware refuses it; if not, "
        "the proxy does.",
        follows=(
            "metadata-url-http",
            "challenge-not-bearer",
            "rate-limited",
            "well-known-not-forwarded",
        ),
        seen_as=_SEEN,
        specs=("RFC 9728 §3.1",),
    ),
    Finding(
        code="metadata-not-found",
        hop="resource-metadata",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The metadata URL in the challenge answers {answer}.",
        cause="The server announces a URL that it does not serve: it is mounted under a prefix, or "
        "the proxy routes the MCP path only.",
        fix="Serve the document at {url}. The well-known part goes before the path, directly behind "
        "the host.",
        fixes={
            "fastmcp": "Mount the routes of get_well_known_routes() at the root of the outer "
            "application.",
            "nginx": "Add location /.well-known/oauth-protected-resource with proxy_pass to the MCP "
            "server.",
        },
        decide="Request the same path from behind the proxy: if the server answers there, add the "
        "path to the proxy's routes.",
        seen_as=_SEEN,
        threads=("PrefectHQ/fastmcp#2077", "modelcontextprotocol/python-sdk#1751"),
        follows=("metadata-url-http", "well-known-not-forwarded"),
        specs=("RFC 9728 §3.1",),
    ),
    Finding(
        code="metadata-unreadable",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The resource metadata is not a JSON object ({answer}).",
        cause="Clients read this document as JSON.",
        fix="Serve a JSON object with resource and authorization_servers as application/json.",
        follows=("metadata-page", "metadata-url-http", "well-known-not-forwarded"),
        seen_as=_SEEN,
        specs=("RFC 9728 §3.2",),
    ),
    Finding(
        code="metadata-fails",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The resource metadata gives no answer that clients can use ({answer}).",
        cause="The request for the document fails.",
        fix="Find the request for {url} in the server's log.",
        follows=(*_UNREAD, "rate-limited", "well-known-not-forwarded"),
        seen_as=_SEEN,
    ),
    Finding(
        code="no-metadata",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="Nothing tells clients where to sign in.",
        cause="The challenge names no metadata, no well-known URL has any, and the host is no "
        "authorization server itself.",
        fix="Serve protected resource metadata at {url}, and name that URL in the challenge.",
        follows=(*_UNREAD, "challenge-not-bearer", "well-known-not-forwarded"),
        seen_as=("Server does not implement OAuth", *_SEEN),
        threads=("lightdash/lightdash#16618",),
        specs=("RFC 9728 §3.1", "MCP 2025-11-25 authorization server location"),
    ),
    Finding(
        code="resource-missing",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The resource metadata names no resource.",
        cause="Without resource, a client cannot tell whether the document is about this server. "
        "Strict clients refuse it.",
        fix='Add "resource": "{resource}".',
        seen_as=("Protected resource does not match expected",),
        specs=("RFC 9728 §2",),
    ),
    Finding(
        code="resource-mismatch",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The resource metadata is about another resource: {difference}.",
        cause="Clients compare resource with the URL that they were given, and stop if it differs: "
        "their token could go to another server.",
        follows=(*UNREACHED, "differs-outside"),
        fix='Set resource to "{expected}", in the setting for the server\'s public URL.',
        seen_as=("Protected resource {got} does not match expected {expected}",),
        threads=("microsoft/vscode#255255", "vercel/ai#13988", "google-gemini/gemini-cli#25508"),
        specs=("RFC 9728 §3.3",),
    ),
    Finding(
        code="metadata-slow",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The resource metadata takes {seconds} s. {clients} give up before.",
        cause="The document is made anew for each request, waits for another service, or its process "
        "starts with the request.",
        fix="Serve the document from memory, and keep one process running.",
        seen_as=("Request timed out", *_SEEN),
    ),
    Finding(
        code="no-issuer-named",
        hop="resource-metadata",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The resource metadata names no authorization server.",
        cause="authorization_servers is missing, empty, or not a list of URLs.",
        fix='Add "authorization_servers": ["<the issuer, exactly as its own metadata spells it>"].',
        seen_as=_SEEN,
        specs=("MCP 2026-07-28 authorization server location",),
    ),
)
