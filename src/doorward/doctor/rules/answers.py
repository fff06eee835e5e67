"""What an answer to an MCP request is: the endpoint's own, or something else's."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import Endpoint, speaks_mcp
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.findings.finding import Blame

_LOGIN_WORDS = ("login", "signin", "sign-in", "sign_in", "authorize", "/auth", "oauth2/start",
                "saml", "/sso", "/cas/", "session/new", "cdn-cgi/access")  # fmt: skip
_LOGIN_HOSTS = ("accounts.google.com", "login.microsoftonline.com", "cloudflareaccess.com")
_AUTHORIZATION_WORDS = ("unauthorized", "unauthenticated", "authorization", "authentication",
                        "access token", "bearer", "not logged in", "sign in", "missing token")  # fmt: skip

# The last line of a page that nginx, OpenResty or Apache write. Most markup is gone by now.
_PROXY_PAGE = re.compile(
    r"(\b(nginx|openresty)(/[\d.]+)?( \(\w+\))?|\bApache(/\S+)?( .*)? Server at \S+ Port \d+)"
    r"\s*(</html>\s*)?\Z"
)


def is_endpoint(exchange: Exchange | None) -> bool:
    """Return whether the answer is that of an MCP server: a refusal with 401, or MCP itself."""
    return exchange is not None and (exchange.status == 401 or speaks_mcp(exchange))


def reached(endpoint: Endpoint) -> bool:
    """Return whether the given URL is an MCP endpoint."""
    return is_endpoint(endpoint.initialize) or is_endpoint(endpoint.modern)


def is_login_redirect(exchange: Exchange) -> bool:
    """Return whether the answer sends a browser to a sign-in."""
    if not exchange.is_redirect:
        return False
    location = exchange.headers["location"].lower()
    host = urlsplit(location).hostname or ""
    return host.endswith(_LOGIN_HOSTS) or any(word in location for word in _LOGIN_WORDS)


def is_login_page(exchange: Exchange) -> bool:
    """Return whether a page asks for a password."""
    page = exchange.body.lower()
    asks = "password" in page and any(words in page for words in ("sign in", "log in", "login"))
    return exchange.status == 200 and exchange.is_html and asks


def is_proxy_page(exchange: Exchange) -> bool:
    """Return whether a proxy answers with the page that it writes itself: it passed nothing on."""
    refuses = exchange.status is not None and exchange.status >= 300
    return refuses and exchange.is_html and _PROXY_PAGE.search(exchange.body) is not None


def is_page_of_tunnel(exchange: Exchange) -> bool:
    """Return whether a tunnel or a platform says itself that nothing is connected behind it."""
    if "ngrok-error-code" in exchange.headers or "x-vercel-error" in exchange.headers:
        return True
    refuses = exchange.status is not None and exchange.status >= 400
    page = f"{exchange.body} {exchange.document or ''}".lower()
    marks = ("err_ngrok_", "deployment_not_found", "no such app", "default backend - 404",
             "argo tunnel error", "application failed to respond", "tunnel not found",
             "tunnel is not running", "there is no tunnel connected")  # fmt: skip
    return refuses and any(mark in page for mark in marks)


def proxy_acts(exchange: Exchange | None) -> Mapping[str, Any]:
    """Return the fields of ``Found`` that blame the proxy, if the answer is the proxy's own page."""
    if exchange is None or not is_proxy_page(exchange):
        return {}
    return {"blame": Blame.PROXY, "decide": ""}


def is_slash_redirect(exchange: Exchange) -> bool:
    """Return whether the answer leads to the same URL with or without a slash at the end."""
    if not exchange.is_redirect:
        return False
    location = absolute(exchange)
    # Not the scheme: a redirect to http has its own finding.
    one, other = urlsplit(location), urlsplit(exchange.url)
    return (
        one.netloc == other.netloc
        and one.path != other.path
        and (one.path.rstrip("/") == other.path.rstrip("/"))
    )


def is_downgrade(exchange: Exchange) -> bool:
    """Return whether the answer leads from https to http at the same host."""
    if not exchange.is_redirect:
        return False
    one, other = urlsplit(absolute(exchange)), urlsplit(exchange.url)
    return other.scheme == "https" and one.scheme == "http" and one.hostname == other.hostname


def absolute(exchange: Exchange) -> str:
    """Return the target of a redirect as an absolute URL."""
    location = exchange.headers["location"]
    if "://" in location:
        return location
    parts = urlsplit(exchange.url)
    return (
        f"{parts.scheme}://{parts.netloc}{location if location.startswith('/') else '/' + location}"
    )


def speaks_of_authorization(exchange: Exchange) -> bool:
    """Return whether an error in a 200 is about a missing token."""
    error = (exchange.document or {}).get("error")
    text = str(error).lower() if error is not None else ""
    return exchange.status == 200 and any(word in text for word in _AUTHORIZATION_WORDS)


def is_edge_page(exchange: Exchange) -> bool:
    """Return whether a firewall's own page refuses the request."""
    if exchange.status not in (403, 406, 429, 503):
        return False
    if "cf-mitigated" in exchange.headers:
        return True
    page = exchange.body.lower()
    marks = ("attention required! | cloudflare", "just a moment", "sorry, you have been blocked",
             "request unsuccessful. incapsula", "access denied</title>", "reference&#32;&#35;",
             "the request could not be satisfied", "generated by cloudfront", "akamai",
             "error code: 1010", "error code: 1020", "error code 1020", "sucuri website firewall",
             "web application firewall")  # fmt: skip
    return (exchange.is_html and any(mark in page for mark in marks)) or (
        exchange.body.strip().lower()
        in ("error code: 1010", "error code: 1020", "error code: 1009")
    )
