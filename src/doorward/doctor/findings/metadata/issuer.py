"""Findings about the issuer and its metadata."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = (
    "Failed to discover OAuth metadata",
    "Failed to discover OAuth configuration",
    "Error fetching OAuth configuration",
    "Authorization with the MCP server failed",
)

FINDINGS = (
    Finding(
        code="issuer-not-allowed",
        hop="issuer",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server names an issuer that clients cannot use ({reason}).",
        cause="The issuer is plain http, a private address or no issuer at all: often the name that "
        "works inside the server's own network.",
        fix="Name the issuer with the https URL that browsers use. Fetch its keys from the internal "
        "address by a setting of its own.",
        fixes={
            "keycloak": "Set KC_HOSTNAME to the public URL, so that the realm's issuer is the "
            "public one inside and outside.",
        },
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#614", "keycloak/keycloak#41526"),
        specs=("RFC 8414 §2", "RFC 9728 §7.7"),
    ),
    Finding(
        code="issuer-unreachable",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer gives no answer that clients can use ({answer}).",
        follows=("issuer-names-document",),
        cause="The issuer is down or fails, blocks this network, or does not exist.",
        fix="Check the issuer's URL in the server's settings, and that {issuer} is up.",
        decide="",
        seen_as=_SEEN,
    ),
    Finding(
        code="issuer-name-unresolved",
        hop="issuer",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server names an issuer whose host does not exist.",
        cause="The name in {issuer} resolves inside the server's own network only, or is misspelled.",
        fix="Name the issuer with the https URL that browsers use. Fetch its keys from the internal "
        "address by a setting of its own.",
        fixes={"keycloak": "Set KC_HOSTNAME to the public URL."},
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#614",),
    ),
    Finding(
        code="issuer-certificate-untrusted",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The certificate of the issuer, {host}, is not trusted.",
        cause="{why}",
        fix="{change}",
        seen_as=("unable to verify the first certificate",),
    ),
    Finding(
        code="issuer-names-document",
        hop="issuer",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server names the issuer's metadata document instead of the issuer.",
        cause="Clients append the well-known path to the issuer themselves.",
        fix="Write the value of issuer in that document into authorization_servers.",
        seen_as=_SEEN,
        specs=("RFC 9728 §2",),
    ),
    Finding(
        code="issuer-metadata-missing",
        hop="issuer",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The issuer publishes no metadata where clients look.",
        cause="The issuer's URL in the server's settings is not the issuer (a path is missing or "
        "too much), or the issuer publishes no metadata.",
        fix="Copy the issuer from its own metadata document, byte for byte.",
        fixes={
            "keycloak": "The issuer is https://<host>/realms/<realm>, without /auth since Keycloak 17.",
            "entra": "The issuer is https://login.microsoftonline.com/<tenant id>/v2.0.",
            "auth0": "The issuer is https://<tenant>/, with the slash at the end.",
            "okta": "The issuer is https://<host>/oauth2/default or /oauth2/<id> of a custom "
            "authorization server.",
            "cognito": "The issuer is https://cognito-idp.<region>.amazonaws.com/<pool id>, not the "
            "domain of the sign-in page.",
        },
        decide="Find the issuer's metadata by hand. If it is at another URL, the server's setting is "
        "wrong; if there is none, the issuer must publish it.",
        follows=("issuer-names-document",),
        seen_as=_SEEN,
        threads=("google-gemini/gemini-cli#12447",),
        specs=("RFC 8414 §3",),
    ),
    Finding(
        code="issuer-metadata-behind-path",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer's only metadata is behind its path, where OAuth clients do not look.",
        cause="RFC 8414 puts the well-known part before the path; the issuer serves it behind the "
        "path.",
        fix="Route {url} to the same document.",
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#1294", "modelcontextprotocol/typescript-sdk#616"),
        specs=("RFC 8414 §3.1",),
    ),
    Finding(
        code="issuer-metadata-page",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="A web page answers where the issuer's metadata should be.",
        cause="The fallback route of a web application answers the well-known paths, so clients "
        "cannot parse the document.",
        fix="Serve the metadata as JSON, and 404 at the well-known paths without a document.",
        seen_as=("Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",),
        threads=("outline/outline#11572",),
        specs=("RFC 8414 §3.2",),
    ),
    Finding(
        code="issuer-spelled-differently",
        hop="issuer",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server spells the issuer differently than the issuer itself: {difference}.",
        cause="Clients compare both byte for byte. URL types of some libraries add a slash at the "
        "end.",
        fix='Write "{named}" in authorization_servers, as a plain string.',
        fixes={
            "fastmcp": "Give the issuer as str, not as AnyHttpUrl: pydantic adds the slash.",
        },
        seen_as=("issuer does not match", "Authorization server metadata issuer mismatch"),
        threads=("modelcontextprotocol/python-sdk#1919", "PrefectHQ/fastmcp#2280"),
        follows=("issuer-names-document",),
        specs=("RFC 8414 §3.3",),
    ),
    Finding(
        code="issuer-mismatch",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer's metadata names another issuer: {difference}.",
        cause="The document at the issuer's well-known URL has another issuer in it, so clients "
        "must not use it.",
        fix='The document must say "issuer": "{issuer}".',
        fixes={
            "keycloak": "Set KC_HOSTNAME to the public URL; the realm's issuer follows from it.",
        },
        seen_as=("issuer does not match", "Authorization server metadata issuer mismatch"),
        threads=("atlassian/atlassian-mcp-server#205",),
        follows=("issuer-names-document",),
        specs=("RFC 8414 §3.3",),
    ),
    Finding(
        code="issuer-endpoints-missing",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer's metadata lacks {missing}.",
        cause="Clients cannot sign in without it.",
        fix="Add {missing} to the metadata.",
        seen_as=_SEEN,
        specs=("RFC 8414 §2",),
    ),
    Finding(
        code="issuer-endpoint-not-allowed",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer's {name} is a URL that clients cannot use ({reason}).",
        cause="The issuer builds its URLs from a request behind a proxy, or from an internal name.",
        fix="Set the issuer's public URL, so that {name} is https on a public host.",
        fixes={
            "keycloak": "Set KC_HOSTNAME to the public URL, and KC_PROXY_HEADERS=xforwarded behind "
            "a proxy.",
        },
        seen_as=_SEEN,
        threads=("agentgateway/agentgateway#638",),
        specs=("RFC 8414 §2",),
    ),
    Finding(
        code="issuer-metadata-slow",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer's metadata takes {seconds} s. {clients} give up before.",
        cause="The document is made anew for each request, waits for another service, or its process "
        "starts with the request.",
        fix="Serve the document from memory, and keep one process running.",
        seen_as=("Request timed out", *_SEEN),
    ),
    Finding(
        code="pkce-not-advertised",
        hop="issuer",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer does not advertise PKCE with S256.",
        cause="MCP clients must refuse an issuer without code_challenge_methods_supported. Some do.",
        fix='Publish "code_challenge_methods_supported": ["S256"].',
        fixes={
            "entra": "Entra supports PKCE and does not advertise it, and has no setting for it. Put "
            "your own authorization server in front for clients that refuse.",
        },
        seen_as=("Incompatible auth server: does not support code challenge method S256",),
        specs=("MCP 2026-07-28 authorization code protection",),
    ),
)
