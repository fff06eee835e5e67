"""Findings about the authorization request."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = ("Authorization with the MCP server failed",)

FINDINGS = (
    Finding(
        code="authorize-absent",
        hop="authorize",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The authorization endpoint does not exist ({answer}).",
        cause="The URL in the issuer's metadata is not served.",
        fix="Correct authorization_endpoint in the metadata, or route it.",
        seen_as=("404 Not Found", *_SEEN),
        specs=("RFC 8414 §2",),
    ),
    Finding(
        code="authorize-fails",
        hop="authorize",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The authorization endpoint fails ({answer}).",
        cause="The issuer ends the request of a client with an error of its own.",
        fix="Find the request in the issuer's log.",
        follows=("issuer-endpoint-not-allowed",),
        seen_as=_SEEN,
    ),
    Finding(
        code="redirects-unknown-client",
        hop="authorize",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer redirects to any address that a stranger names.",
        cause="It answers a client id that it cannot know with a redirect to the redirect URI of the "
        "request. Attackers use that to send people from the issuer's host to their own.",
        fix="Check client id and redirect URI first, and show a page if one is unknown.",
        specs=("RFC 6749 §4.1.2.1", "RFC 9700 §4.11.2"),
    ),
    Finding(
        code="client-document-unfetchable",
        hop="authorize",
        blame=Blame.CLIENT,
        severity=Severity.SOME,
        title="The issuer cannot fetch the metadata document of {client}.",
        cause="The host of the client's vendor refuses the issuer's request. Such hosts often refuse "
        "the addresses of data centres.",
        fix="Tell the client's vendor. Until then, the issuer can keep a copy of the document, and "
        "clients that can register do so.",
        seen_as=("client metadata fetch returned 403",),
        threads=("anthropics/claude-ai-mcp#650",),
    ),
    Finding(
        code="client-document-refused",
        hop="authorize",
        blame=Blame.UNSURE,
        severity=Severity.SOME,
        title="The issuer announces client ID metadata documents and refuses that of {client}.",
        cause="The issuer does not accept the client id although its metadata says "
        "client_id_metadata_document_supported.",
        fix="Accept unknown members and grant types in a document, and let the issuer fetch documents "
        "from the internet.",
        decide="Find the refusal in the issuer's log. If it could not fetch the document, its own way "
        "to the internet or the client's vendor is the cause; if it fetched it, the issuer is.",
        follows=("authorize-absent", "authorize-fails", "client-document-unfetchable"),
        seen_as=("invalid_client",),
    ),
    Finding(
        code="client-unknown",
        hop="authorize",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The issuer does not know the client id.",
        cause="The id is misspelled, of another tenant or realm, or its client was deleted.",
        fix="Copy the client id from the issuer's own list of clients.",
        follows=("authorize-absent", "authorize-fails"),
        seen_as=("invalid_client", "AADSTS700016", "Client not found"),
        threads=("anthropics/claude-code#84614", "supabase-community/supabase-mcp#355"),
    ),
    Finding(
        code="authorization-refused",
        hop="authorize",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The issuer refuses the authorization request of this client.",
        cause="Its answer names no cause that the doctor knows.",
        fix="Find the refusal in the issuer's log.",
        decide="The issuer's log says which parameter it refuses: the client's settings there, the "
        "server's scopes, or the resource.",
        follows=(
            "authorize-absent",
            "authorize-fails",
            "client-unknown",
            "redirect-uri-refused",
            "scope-refused",
            "resource-refused",
            "scope-hint-missing",
        ),
        seen_as=_SEEN,
    ),
    Finding(
        code="redirect-uri-refused",
        hop="authorize",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The issuer does not accept the redirect URI {redirect_uri}.",
        cause="It is not registered for this client. Many issuers compare the port too, and tell "
        "localhost from 127.0.0.1.",
        fix="Register {redirect_uri} for the client, as it is written here.",
        fixes={
            "keycloak": "Add http://127.0.0.1:* to Valid redirect URIs of the client.",
            "entra": "Add the URI under Mobile and desktop applications, not under Web.",
        },
        seen_as=("redirect_uri mismatch", "Invalid parameter: redirect_uri", "AADSTS50011"),
        threads=("anthropics/claude-code#37767", "microsoft/vscode#278512"),
        specs=("RFC 8252 §7.3",),
    ),
    Finding(
        code="scope-refused",
        hop="authorize",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The issuer refuses the scopes that the server asks for.",
        cause="The issuer does not know them, or the client may not ask for them.",
        fix="Name scopes in the challenge and in scopes_supported as the issuer spells them, and allow "
        "them for the client.",
        fixes={
            "keycloak": "Create the client scopes, and add them to the client as optional scopes.",
            "entra": "Write scopes with the prefix of the App ID URI, as in api://<id>/read.",
        },
        seen_as=("invalid_scope", "AADSTS70011"),
        threads=("openchoreo/openchoreo#3217", "anthropics/claude-code#44652"),
        specs=("RFC 6749 §3.3",),
    ),
    Finding(
        code="scope-hint-missing",
        hop="authorize",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="Nothing tells clients which scopes to ask for.",
        cause="Neither the challenge nor the resource metadata names scopes. Clients then ask for none, "
        "or for all that the issuer lists, and the issuer refuses both.",
        fix="Name the scopes of a first call in the challenge, and all of them in scopes_supported.",
        follows=("scope-refused",),
        seen_as=("invalid_scope", "AADSTS900144"),
        threads=("openchoreo/openchoreo#3217", "anthropics/claude-code#90190"),
        specs=("MCP 2026-07-28 scope selection strategy",),
    ),
    Finding(
        code="resource-refused",
        hop="authorize",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The issuer refuses the resource parameter {resource}.",
        cause="Every MCP client sends the server's URL as resource. The issuer knows no resource with "
        "this name, or wants it to match the scopes.",
        fix="Register {resource} as a resource (audience) at the issuer.",
        fixes={
            "entra": "Set the Application ID URI of the app to {resource} (its domain must be verified), "
            "and ask for scopes with that prefix. Or put an authorization server in front that leaves "
            "resource out.",
        },
        seen_as=("invalid_target", "AADSTS9010010", "AADSTS901002"),
        threads=("microsoft/vscode#321249", "anthropics/claude-code#73460"),
        specs=("RFC 8707 §2",),
    ),
)
