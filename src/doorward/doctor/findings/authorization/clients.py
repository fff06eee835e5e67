"""Findings about what a client said or does, where the server and the issuer are right."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="client-takes-scopes-from-issuer",
        hop="authorize",
        blame=Blame.CLIENT,
        severity=Severity.SOME,
        title="{client} requests the scopes in the issuer's metadata, and {missing} is not there.",
        cause="The server names its scopes where MCP says: in the challenge or in the resource "
        "metadata. This client reads the issuer's metadata instead, and gets a token without them.",
        fix="Set the scopes in the client's settings. Until the client is mended, the issuer can "
        "repeat them in scopes_supported.",
        follows=("scope-refused", "scope-hint-missing", "scope-hint-too-small"),
        threads=("openai/codex#35253", "openai/codex#15643"),
        specs=("MCP 2026-07-28 authorization, Scope Selection Strategy",),
    ),
    Finding(
        code="client-ignores-issuer",
        hop="issuer",
        blame=Blame.CLIENT,
        severity=Severity.STOPS,
        title="The client went to {url}, and the metadata names the issuer {issuer}.",
        cause="The challenge, the resource metadata and the issuer's metadata are right. The client "
        "did not read them, and built the URL from the address of the MCP server.",
        fix="Update the client. Until it is mended, the MCP host can redirect this path to the "
        "issuer's endpoint.",
        seen_as=("Authorization with the MCP server failed",),
        threads=("anthropics/claude-ai-mcp#341", "anthropics/claude-ai-mcp#846"),
        specs=("MCP 2026-07-28 authorization, Authorization Server Discovery",),
    ),
    Finding(
        code="client-drops-issuer-path",
        hop="issuer",
        blame=Blame.CLIENT,
        severity=Severity.STOPS,
        title="The client asked for {url}, which leaves out the path of the issuer.",
        cause="The issuer is {issuer}. Its metadata is where the RFC puts it, with the path behind "
        "the well-known name.",
        fix="Update the client. Until it is mended, the issuer's host can serve the same document "
        "at that URL, if it has one issuer only.",
        threads=("google-gemini/gemini-cli#12447", "modelcontextprotocol/typescript-sdk#616"),
        specs=("RFC 8414 §3.1",),
    ),
    Finding(
        code="client-does-not-step-up",
        hop="calls",
        blame=Blame.CLIENT,
        severity=Severity.SOME,
        title="The server asked for more scopes with insufficient_scope, and {client} shows an error.",
        cause="This client does not start a new sign-in when a call needs more scopes.",
        fix="Sign in again with all scopes in the client's settings, or let the server name all of "
        "them in its challenge.",
        follows=("scope-hint-too-small", "scope-not-granted"),
        threads=("openai/codex#35253",),
        specs=("MCP 2026-07-28 authorization, Scope Challenge Handling",),
    ),
    Finding(
        code="client-id-forgotten",
        hop="registration",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The issuer does not know the client id that the client keeps.",
        cause="Clients keep the id of their registration. The issuer has forgotten it, or it is of "
        "an earlier set-up.",
        fix="Delete the client's stored registration, and sign in again. Let the issuer keep "
        "registrations when it restarts.",
        decide="If the error comes back after each restart of the issuer, the issuer forgets "
        "registrations. If it does not, the client kept an old id.",
        seen_as=("invalid_client", "Client not found", "Unrecognized client_id"),
        threads=("supabase/mcp#355", "anthropics/claude-code#84614", "geelen/mcp-remote#36"),
        specs=("RFC 7591 §3.2.1",),
    ),
    Finding(
        code="client-lost-state",
        hop="sign-in",
        blame=Blame.CLIENT,
        severity=Severity.STOPS,
        title="The client's own platform lost the state of the sign-in.",
        cause="The issuer sent the user back to the client, and the client did not find what it had "
        "begun. Nothing of the server or of the issuer is in this sentence.",
        fix="Start the sign-in again in one window. If it stays, report it to the client's vendor.",
        seen_as=("OAuth state not found",),
        threads=("community.openai.com/t/1378808",),
    ),
    Finding(
        code="callback-port-taken",
        hop="sign-in",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client cannot listen on its callback port: another program uses it.",
        cause="Often it is another window of the same client, or one that did not end.",
        fix="End the other program, or set another callback port in the client.",
        seen_as=("EADDRINUSE", "address already in use"),
    ),
    Finding(
        code="consent-page-blocks-redirect",
        hop="sign-in",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The browser stops the redirect behind the issuer's consent page.",
        cause="The page has a Content-Security-Policy with form-action 'self'. Chromium applies it "
        "to the redirect after the form too, which goes to the client.",
        fix="Add the client's redirect URI to form-action, or leave form-action out on this page.",
        seen_as=("I click Allow and nothing happens", "Refused to send form data"),
        threads=("PrefectHQ/fastmcp#2302", "PrefectHQ/fastmcp#3369", "cursor/cursor#3559"),
        specs=("CSP Level 3 §6.4.2",),
    ),
    Finding(
        code="client-redirect-uri-missing",
        hop="authorize",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The issuer refuses the redirect URI of {client}.",
        cause="The application at the issuer has other redirect URIs.",
        fix="Enter at the issuer, byte for byte: {uris}",
        fixes={
            "entra": "App registrations > the application > Authentication > Add a platform > "
            "Mobile and desktop applications, or Web for a hosted client: {uris}",
            "keycloak": "Clients > the client > Settings > Valid redirect URIs: {uris}",
            "google": "APIs & Services > Credentials > the OAuth client > Authorized redirect URIs: "
            "{uris}",
        },
        decide="If the client registered itself, compare the redirect URI in the error with those "
        "of its registration.",
        follows=("redirect-uri-refused",),
        seen_as=("AADSTS50011", "redirect_uri_mismatch", "Invalid parameter: redirect_uri"),
        specs=("RFC 9700 §4.1.3",),
    ),
    Finding(
        code="admin-consent-needed",
        hop="sign-in",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="An administrator must give consent before users can sign in.",
        cause="The directory does not let users give applications the permissions that are asked for.",
        fix="Let an administrator of the directory grant consent to the application.",
        fixes={
            "entra": "Enterprise applications > the application > Permissions > Grant admin consent."
        },
        seen_as=("Need admin approval", "AADSTS65001", "AADSTS90094"),
    ),
    Finding(
        code="user-not-assigned",
        hop="sign-in",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The user is not assigned to the application at the issuer.",
        cause="The sign-in itself works. The directory admits only users or groups that somebody "
        "assigned.",
        fix="Assign the user, or a group of theirs, to the application.",
        fixes={
            "entra": "Enterprise applications > the application > Users and groups > Add user/group."
        },
        seen_as=("AADSTS50105", "User is not assigned to the client application"),
    ),
    Finding(
        code="client-distrusts-certificate",
        hop="connection",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="The client does not trust a certificate that is in order from here.",
        cause="On the client's machine, something else answers: a proxy of the company that opens TLS "
        "connections, or the client has an old list of authorities.",
        fix="Let the client trust the authority of the proxy. Clients on Node.js read the file that "
        "NODE_EXTRA_CA_CERTS names.",
        seen_as=(
            "self-signed certificate in certificate chain",
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        ),
        specs=("RFC 5280 §6",),
    ),
    Finding(
        code="nothing-wrong-from-outside",
        hop="calls",
        blame=Blame.UNSURE,
        severity=Severity.NOTE,
        title="Nothing is wrong from here that the client's sentence could mean.",
        cause="Hosted clients show one sentence for every failure. The doctor sends its requests "
        "from another network than the client.",
        fix="Look into the log of the server for the minutes of the sign-in.",
        decide="If a token was issued and no call followed, something between the client's cloud "
        "and the server stops the calls, such as a firewall rule by address. If a call came, the "
        "server's log has the reason.",
        seen_as=("Authorization with the MCP server failed", "ofid_"),
        threads=("anthropics/claude-ai-mcp#5", "anthropics/claude-ai-mcp#1061"),
    ),
)
