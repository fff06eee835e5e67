"""Findings about the MCP endpoint's URL, without a token."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_LOST = ("redirect-to-http", "path-rule", "wrong-form", "wrong-path", "old-sse-transport")

FINDINGS = (
    Finding(
        code="redirect-to-http",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The endpoint redirects from https to http.",
        cause="The application builds the redirect from the request that its proxy sends it over "
        "http. Clients do not follow it: they would send the token unencrypted.",
        fix="Answer at {url} without a redirect. Also let the application trust "
        "X-Forwarded-Proto from this proxy, and no other.",
        fixes={
            "uvicorn": "Start uvicorn with --proxy-headers and --forwarded-allow-ips set to the "
            "proxy's address. Also route both forms of the path, so that no redirect is needed.",
            "nginx": "Add proxy_set_header X-Forwarded-Proto $scheme; and let the application trust it.",
        },
        seen_as=("Authorization with the MCP server failed", "fetch failed"),
        threads=("BerriAI/litellm#34845", "zoho/analytics-mcp-server#22"),
    ),
    Finding(
        code="redirect-slash",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The endpoint redirects to the same URL {change} a slash at the end.",
        cause="The framework, or the proxy, knows one form of the path and redirects the other. Many clients do not "
        "follow a redirect of a POST, and some follow it without the token.",
        fix="Answer at both forms without a redirect. Until then, give clients the URL {location}.",
        fixes={
            "uvicorn": "In Starlette and FastAPI, set redirect_slashes=False and add a route for "
            "both forms. Mount a server that Doorward protects at /, not at the path of its endpoint.",
            "nginx": "A location that ends with a slash and has proxy_pass redirects the form without "
            "it: leave the slash at the end out.",
        },
        seen_as=("307 Temporary Redirect", "Authorization with the MCP server failed"),
        threads=("BerriAI/litellm#34845", "zoho/analytics-mcp-server#22"),
    ),
    Finding(
        code="path-rule",
        hop="endpoint",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="Only the URL {change} a slash at the end reaches the MCP server.",
        cause="The proxy's or balancer's path rule matches one form only. Something else answers "
        "the other.",
        fix="Add {path} to the path rule, exactly and without a wildcard, beside the existing rule.",
        fixes={
            "nginx": "Use location {plain_path} (a prefix without a slash at the end) instead of "
            "location {plain_path}/.",
            "aws": "In the listener rule, list both {plain_path} and {plain_path}/* as path patterns.",
        },
        seen_as=("Authorization with the MCP server failed",),
        threads=("anthropics/claude-ai-mcp#299",),
    ),
    Finding(
        code="wrong-form",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The MCP server answers only at the URL {change} a slash at the end.",
        cause="The server, or the proxy in front of it, routes one form of the path only.",
        fix="Give clients the URL {other}, or route both forms.",
        decide="Request {url} from behind the proxy. If the server answers there, the proxy's path "
        "rule is the cause.",
        threads=("anthropics/claude-ai-mcp#299",),
    ),
    Finding(
        code="wrong-path",
        hop="endpoint",
        blame=Blame.CONFIGURATION,
        severity=Severity.STOPS,
        title="There is no MCP endpoint at this URL, but there is one at {other}.",
        cause="The URL that the client was given has another path.",
        fix="Give the client the URL {other}.",
        follows=("old-sse-transport",),
        seen_as=("Couldn't reach the MCP server", "404 Not Found"),
    ),
    Finding(
        code="old-sse-transport",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The URL serves the transport of 2024-11-05, which many clients no longer speak.",
        cause="The endpoint opens an event stream for GET and accepts no POST: that is the HTTP+SSE "
        "transport, replaced in 2025-03-26.",
        fix="Serve Streamable HTTP, which every current SDK offers, and give clients its URL.",
        seen_as=("405 Method Not Allowed",),
    ),
    Finding(
        code="login-page",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="A sign-in page for browsers answers instead of the MCP server.",
        cause="A sign-in for browsers protects the endpoint. MCP clients need a 401 "
        "with WWW-Authenticate, and cannot use a page.",
        fix="Exclude the MCP endpoint and the /.well-known/oauth-* paths from this sign-in.",
        fixes={
            "cloudflare-access": "In Cloudflare Access, add a Bypass policy for the MCP path and for "
            "/.well-known/*, or use Access's own OAuth for MCP servers.",
            "oauth2-proxy": "List the MCP path and ^/\\.well-known/ in skip_auth_routes.",
        },
        decide="If the server's log has a line for this request, the application asks for the "
        "sign-in; if not, the proxy in front does.",
        follows=_LOST,
        seen_as=("Unexpected token '<'", "Authorization with the MCP server failed"),
        threads=("anthropics/claude-ai-mcp#299",),
    ),
    Finding(
        code="endpoint-redirects",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The endpoint redirects elsewhere.",
        cause="Clients do not follow a redirect of a POST with a token to another place.",
        fix="Give clients the final URL, or answer at this one.",
        decide="Look into the server's log: a line for this request means that the application "
        "redirects, none means that the proxy does.",
        follows=(*_LOST, "login-page", "redirect-slash"),
        threads=("anthropics/claude-ai-mcp#136",),
    ),
    Finding(
        code="host-refused",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server refuses its own public host name.",
        cause="Its protection against DNS rebinding knows other host names only, often localhost.",
        fix="Add {host} to the server's allowed hosts.",
        fixes={
            "uvicorn": "In the official Python SDK, set TransportSecuritySettings("
            'allowed_hosts=["{host}"]).',
        },
        seen_as=("421 Misdirected Request", "Invalid Host header"),
        threads=("modelcontextprotocol/python-sdk#1798", "kubeflow/mcp-server#91"),
    ),
    Finding(
        code="blocked-by-edge",
        hop="endpoint",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="A firewall in front of the server refuses the request.",
        cause="The answer is the edge's own page. A bot rule, a challenge for browsers or "
        "a filter of addresses stops clients before the server.",
        fix="Allow POST to the MCP path and GET to /.well-known/oauth-* for clients that are not "
        "browsers.",
        fixes={
            "cloudflare": "In Security > Bots turn off Block AI bots for this host, and add a WAF "
            "custom rule with the action Skip for the MCP path and /.well-known/oauth-*.",
        },
        seen_as=("Authorization with the MCP server failed", "403 Forbidden"),
        threads=(
            "anthropics/claude-ai-mcp#49",
            "anthropics/claude-ai-mcp#438",
            "anthropics/claude-ai-mcp#1061",
        ),
    ),
    Finding(
        code="backend-away",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The proxy answers, and the server behind it does not.",
        cause="The proxy or tunnel gets no answer from its backend: wrong address or port, a stopped "
        "process or tunnel, or a wrong protocol.",
        fix="Correct the backend's address in the proxy, or start the server.",
        fixes={
            "nginx": "Read nginx's error.log: it names the upstream and why the connection failed.",
            "cloudflare": "Check that the tunnel or the origin runs: 52x and 530 mean that "
            "Cloudflare does not reach it.",
        },
        decide="Request the backend's address from the proxy's machine.",
        seen_as=("502 Bad Gateway", "504 Gateway Time-out", "ERR_NGROK_3200"),
    ),
    Finding(
        code="server-fails",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="The server fails with status {status} on a request without a token.",
        cause="An error in the server ends the request. It should answer 401.",
        fix="Find the error in the server's log at the time of this report.",
        seen_as=("500 Internal Server Error",),
    ),
    Finding(
        code="body-limit",
        hop="endpoint",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="A small request is refused as too large (413).",
        cause="A limit on request bodies is below the few hundred bytes of an MCP message.",
        fix="Raise the limit on request bodies to some megabytes.",
        fixes={"nginx": "Set client_max_body_size 4m; in the location."},
        seen_as=("413 Request Entity Too Large",),
    ),
    Finding(
        code="stream-held-back",
        hop="endpoint",
        blame=Blame.PROXY,
        severity=Severity.STOPS,
        title="The answer begins as an event stream, and no event arrives.",
        cause="A proxy buffers the stream until it is full or closed.",
        fix="Turn off buffering for the MCP path.",
        fixes={
            "nginx": "Set proxy_buffering off; in the location, or let the server send "
            "X-Accel-Buffering: no.",
        },
        follows=("call-blocked",),
        seen_as=("MCP error -32001: Request timed out",),
        threads=("anthropics/claude-ai-mcp#360",),
    ),
    Finding(
        code="port-not-443",
        hop="endpoint",
        blame=Blame.CONFIGURATION,
        severity=Severity.NOTE,
        title="The server is at port {port}; some hosted clients reach port 443 only.",
        cause="Hosted clients connect from networks that let out https to its own port only.",
        fix="Serve the endpoint at port 443 too.",
        threads=("anthropics/claude-ai-mcp#85",),
    ),
    Finding(
        code="rate-limited",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The server answers 429: too many requests.",
        cause="A rate limit counts this address. Hosted clients share a few addresses, so one limit "
        "per address stops all users at once.",
        fix="Raise the limit for unauthenticated requests, or do not count by address alone.",
        decide="Run the doctor again in some minutes. If it passes, the doctor itself hit the limit.",
        seen_as=("429 Too Many Requests",),
    ),
    Finding(
        code="forbidden-instead-of-401",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="A request without a token gets {status} instead of 401.",
        cause="Clients start a sign-in only after a 401 with WWW-Authenticate.",
        fix="Answer 401 with WWW-Authenticate: Bearer resource_metadata=... when there is no token.",
        fixes={
            "uvicorn": "In FastAPI before 0.122, HTTPBearer() answers 403 without a token. Use HTTPBearer("
            "auto_error=False) and raise 401 with the header yourself.",
        },
        decide="If the server's log has a line for this request, the server must change; if not, "
        "the proxy must.",
        follows=("blocked-by-edge", "host-refused", "path-rule", "wrong-form", "wrong-path"),
        seen_as=("Failed to connect", "403 Forbidden"),
        threads=("anthropics/claude-code#5826",),
    ),
    Finding(
        code="error-in-200",
        hop="endpoint",
        blame=Blame.SERVER,
        severity=Severity.STOPS,
        title="A request without a token gets status 200 with an error about authorization.",
        cause="Clients start a sign-in only after status 401. In a 200 they see a failed call.",
        fix="Answer with the HTTP status 401 and WWW-Authenticate before the MCP layer.",
        seen_as=("Failed to connect",),
        threads=("lightdash/lightdash#26726",),
    ),
    Finding(
        code="page-instead-of-endpoint",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="A web page answers instead of the MCP server.",
        cause="The fallback route of a web application, or another site, answers at this URL.",
        fix="Route {url} to the MCP server, before the fallback route.",
        decide="Compare the page with those of your application: if it is yours, its fallback "
        "route is the cause; if not, the proxy routes to the wrong place.",
        follows=(
            *_LOST,
            "login-page",
            "blocked-by-edge",
            "backend-away",
            "server-fails",
            "forbidden-instead-of-401",
            "body-limit",
            "rate-limited",
            "host-refused",
        ),
        seen_as=("Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",),
    ),
    Finding(
        code="no-endpoint",
        hop="endpoint",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="No MCP endpoint answers at this URL ({answer}).",
        cause="The path is wrong, or nothing routes it to the MCP server.",
        fix="Check the URL in the server's documentation; many end with /mcp.",
        decide="If the server's log has a line for this request, the path is wrong; if not, the "
        "proxy does not route it.",
        follows=(
            *_LOST,
            "login-page",
            "blocked-by-edge",
            "backend-away",
            "server-fails",
            "forbidden-instead-of-401",
            "page-instead-of-endpoint",
            "endpoint-redirects",
            "redirect-slash",
            "rate-limited",
            "host-refused",
            "error-in-200",
        ),
        seen_as=("404 Not Found", "Couldn't reach the MCP server"),
    ),
)

UNREACHED = tuple(
    one.code for one in FINDINGS if one.code not in ("redirect-slash", "port-not-443")
)
"""With one of these, the URL itself is wrong, so what other documents say about it follows."""
