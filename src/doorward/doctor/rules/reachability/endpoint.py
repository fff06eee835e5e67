"""Rules about the MCP endpoint's URL, without a token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import Endpoint, Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.parties import is_behind_proxy
from doorward.doctor.findings.finding import Blame, Severity
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import host_of, told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.wire import address

BOOK = RuleBook()
_GATEWAY = frozenset({502, 503, 504, *range(520, 531)})


def _lost(evidence: Evidence) -> Exchange | None:
    """Return the answer to the first request, if the given URL is no MCP endpoint."""
    endpoint = _endpoint(evidence)
    return None if answers.reached(endpoint) else endpoint.initialize


def _endpoint(evidence: Evidence) -> Endpoint:
    assert evidence.endpoint is not None
    return evidence.endpoint


@BOOK.rule("redirect-to-http", needs=["endpoint"])
def redirect_to_http(evidence: Evidence) -> Found | None:
    """Find a redirect from https to http."""
    seen = _endpoint(evidence).initialize
    if not answers.is_downgrade(seen):
        return None
    return Found(observed=(told(seen),), values={"url": evidence.target})


@BOOK.rule("redirect-slash", needs=["endpoint"])
def redirect_slash(evidence: Evidence) -> Found | None:
    """Find a redirect to the other form of the path."""
    seen = _endpoint(evidence).initialize
    if not answers.is_slash_redirect(seen) or answers.is_downgrade(seen):
        return None
    location = answers.absolute(seen)
    # 301 and 302 turn a POST into a GET, so no client gets through.
    lost = seen.status in (301, 302, 303)
    return Found(
        observed=(told(seen),),
        values={"change": _with_or_without(location), "location": location},
        severity=Severity.STOPS if lost else None,
        **answers.proxy_acts(seen),
    )


@BOOK.rule("path-rule", needs=["endpoint"])
def path_rule(evidence: Evidence) -> Found | None:
    """Find a path rule that matches one form only: two different servers answer."""
    seen, other = _lost(evidence), _endpoint(evidence).other_form
    if seen is None or other is None or not answers.is_endpoint(other):
        return None
    if answers.is_slash_redirect(seen) or not _are_different_servers(seen, other):
        return None
    path = urlsplit(evidence.target).path
    return Found(
        observed=(told(seen), told(other)),
        values={
            "change": _with_or_without(other.url),
            "path": path,
            "plain_path": path.rstrip("/"),
        },
    )


@BOOK.rule("wrong-form", needs=["endpoint"])
def wrong_form(evidence: Evidence) -> Found | None:
    """Find an endpoint that answers at the other form only."""
    seen, other = _lost(evidence), _endpoint(evidence).other_form
    if seen is None or other is None or not answers.is_endpoint(other):
        return None
    if seen.is_redirect or seen.status is None or _are_different_servers(seen, other):
        return None
    return Found(
        observed=(told(seen), told(other)),
        values={"change": _with_or_without(other.url), "other": other.url, "url": seen.url},
    )


def _are_different_servers(one: Exchange, other: Exchange) -> bool:
    """Return whether the answers show that two programs answered, and not two routes of one."""
    if answers.is_login_redirect(one) or one.is_html != other.is_html:
        return True
    servers = one.headers.get("server"), other.headers.get("server")
    return servers[0] != servers[1] and None not in servers


@BOOK.rule("wrong-path", needs=["endpoint"])
def wrong_path(evidence: Evidence) -> Found | None:
    """Find an endpoint at another usual path of the host."""
    seen, endpoint = _lost(evidence), _endpoint(evidence)
    if seen is None or seen.status not in (404, 405, 200, 301, 302, 307, 308):
        return None
    other = next((one for one in endpoint.other_paths if _is_surely_mcp(one)), None)
    if other is None or answers.is_endpoint(endpoint.other_form):
        return None
    return Found(observed=(told(seen), told(other)), values={"other": other.url})


def _is_surely_mcp(exchange: Exchange) -> bool:
    # A bare 401 at "/" may be anything that asks for a password.
    challenge = exchange.headers.get("www-authenticate", "").lower()
    if exchange.status == 401:
        return "bearer" in challenge or "resource_metadata" in challenge
    return answers.is_endpoint(exchange)


@BOOK.rule("old-sse-transport", needs=["endpoint"])
def old_sse_transport(evidence: Evidence) -> Found | None:
    """Find the transport of 2024-11-05."""
    seen, get = _lost(evidence), _endpoint(evidence).get
    if seen is None or get.status != 200 or get.media_type != "text/event-stream":
        return None
    if seen.status not in (400, 404, 405):
        return None
    return Found(observed=(told(get), told(seen)))


@BOOK.rule("login-page", needs=["endpoint"])
def login_page(evidence: Evidence) -> Found | None:
    """Find a sign-in for browsers in front of the endpoint."""
    seen = _lost(evidence)
    if seen is None or not (answers.is_login_redirect(seen) or answers.is_login_page(seen)):
        return None
    in_front = "cloudflareaccess.com" in seen.headers.get("location", "")
    in_front = in_front or answers.is_proxy_page(seen)
    return Found(
        observed=(told(seen),),
        blame=Blame.PROXY if in_front else None,
        decide="" if in_front else None,
    )


@BOOK.rule("endpoint-redirects", needs=["endpoint"])
def endpoint_redirects(evidence: Evidence) -> Found | None:
    """Find any other redirect."""
    seen = _lost(evidence)
    if seen is None or not seen.is_redirect:
        return None
    return Found(observed=(told(seen),), **answers.proxy_acts(seen))


@BOOK.rule("host-refused", needs=["endpoint"])
def host_refused(evidence: Evidence) -> Found | None:
    """Find a server that does not accept its own host name."""
    calls = evidence.calls
    # The official SDK looks at the token first, and at the host afterwards.
    tries = [_endpoint(evidence).initialize, *([calls.initialize, calls.modern] if calls else [])]
    seen = next((one for one in tries if _refuses_host(one)), None)
    if seen is None:
        return None
    return Found(observed=(told(seen),), values={"host": host_of(evidence.target)})


def _refuses_host(exchange: Exchange) -> bool:
    text = (exchange.body + str(exchange.document or "")).lower()
    names_host = "invalid host" in text or "host not allowed" in text
    return exchange.status == 421 or (exchange.status in (400, 403) and names_host)


@BOOK.rule("blocked-by-edge", needs=["endpoint"])
def blocked_by_edge(evidence: Evidence) -> Found | None:
    """Find a firewall's own page."""
    seen = _lost(evidence)
    if seen is None or not answers.is_edge_page(seen):
        return None
    return Found(observed=(told(seen),))


@BOOK.rule("backend-away", needs=["endpoint"])
def backend_away(evidence: Evidence) -> Found | None:
    """Find a proxy without a backend."""
    seen = _lost(evidence)
    if seen is None or answers.is_edge_page(seen):
        return None
    if seen.status not in _GATEWAY and not answers.is_page_of_tunnel(seen):
        return None
    return Found(observed=(told(seen),))


@BOOK.rule("server-fails", needs=["endpoint"])
def server_fails(evidence: Evidence) -> Found | None:
    """Find an error of the server itself."""
    seen = _lost(evidence)
    if seen is None or seen.status != 500:
        return None
    return Found(observed=(told(seen),), values={"status": "500"})


@BOOK.rule("body-limit", needs=["endpoint"])
def body_limit(evidence: Evidence) -> Found | None:
    """Find a limit on request bodies that no message fits into."""
    seen = _lost(evidence)
    return Found(observed=(told(seen),)) if seen is not None and seen.status == 413 else None


@BOOK.rule("stream-held-back", needs=["endpoint"])
def stream_held_back(evidence: Evidence) -> Found | None:
    """Find an event stream without events, with the token or on a server that is open."""
    calls = evidence.calls
    tries = [_endpoint(evidence).initialize, *([calls.initialize, calls.modern] if calls else [])]
    seen = next((one for one in tries if _is_held_back(one)), None)
    return None if seen is None else Found(observed=(told(seen),))


def _is_held_back(exchange: Exchange) -> bool:
    failure = exchange.failure
    timed_out = failure is not None and failure.kind == "timeout"
    return exchange.status == 200 and exchange.media_type == "text/event-stream" and timed_out


@BOOK.rule("port-not-443", needs=["endpoint"])
def port_not_443(evidence: Evidence) -> Found | None:
    """Find a public server at another port."""
    port = urlsplit(evidence.target).port
    if evidence.is_local or port in (None, 443):
        return None
    return Found(observed=(evidence.target,), values={"port": str(port)})


@BOOK.rule("rate-limited", needs=["endpoint"])
def rate_limited(evidence: Evidence) -> Found | None:
    """Find a rate limit; a limit that the doctor's own later requests reached is a hint."""
    seen = _lost(evidence)
    if seen is not None:
        limited = seen.status == 429 and not answers.is_edge_page(seen)
        return Found(observed=(told(seen),)) if limited else None
    origin = address.origin_of(evidence.target)
    later = (one for one in evidence.exchanges if one.status == 429)
    seen = next((one for one in later if address.origin_of(one.url) == origin), None)
    return None if seen is None else Found(observed=(told(seen),), severity=Severity.NOTE)


@BOOK.rule("forbidden-instead-of-401", needs=["endpoint"])
def forbidden_instead_of_401(evidence: Evidence) -> Found | None:
    """Find a refusal with another status."""
    seen = _lost(evidence)
    if seen is None or seen.status not in (403, 407):
        return None
    return Found(
        observed=(told(seen),),
        values={"status": str(seen.status)},
        # A proxy's refusal is a page; JSON and text come from an application, if nothing is in front.
        **_who_refuses(evidence, seen),
    )


def _who_refuses(evidence: Evidence, seen: Exchange) -> Mapping[str, Any]:
    if who := answers.proxy_acts(seen):
        return who
    return {"blame": Blame.SERVER, "decide": ""} if _is_applications(evidence, seen) else {}


def _is_applications(evidence: Evidence, seen: Exchange) -> bool:
    if seen.document is not None:
        return True
    return bool(seen.body) and not seen.is_html and not is_behind_proxy(evidence.parties, seen)


@BOOK.rule("error-in-200", needs=["endpoint"])
def error_in_200(evidence: Evidence) -> Found | None:
    """Find a refusal that says 200."""
    endpoint = _endpoint(evidence)
    if endpoint.first_refusal is not None:
        return None
    seen = next(
        (
            one
            for one in (endpoint.initialize, endpoint.modern)
            if answers.speaks_of_authorization(one)
        ),
        None,
    )
    return None if seen is None else Found(observed=(told(seen),))


@BOOK.rule("page-instead-of-endpoint", needs=["endpoint"])
def page_instead_of_endpoint(evidence: Evidence) -> Found | None:
    """Find a web page at the URL."""
    seen = _lost(evidence)
    if seen is None or not seen.is_html or seen.is_redirect:
        return None
    return Found(
        observed=(told(seen),),
        values={"url": evidence.target},
        **answers.proxy_acts(seen),
    )


@BOOK.rule("no-endpoint", needs=["endpoint"])
def no_endpoint(evidence: Evidence) -> Found | None:
    """Find anything else that is not MCP."""
    seen = _lost(evidence)
    if seen is None or seen.status is None:
        return None
    return Found(observed=(told(seen),), values={"answer": seen.answered})


def _with_or_without(url: str) -> str:
    return "with" if urlsplit(url).path.endswith("/") else "without"
