"""The MCP endpoint without a token: the URL as given, its other forms, and wrong tokens."""

import secrets
from dataclasses import replace
from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import Endpoint, Evidence, speaks_mcp
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops import messages
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question
from doorward.wire import address

# Some servers send no headers before the first event.
_SECONDS_FOR_STREAM = 3.0
_USUAL_PATHS = ("/mcp", "/mcp/", "/sse", "/")


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the answers of the endpoint to requests without a valid token."""
    url, first = evidence.target, evidence.connection
    assert first is not None
    modern = await probe.send(messages.modern("tools/list without a token", url, "tools/list"))
    get = await probe.send(
        Question(
            purpose="stream without a token",
            url=url,
            headers={"Accept": "text/event-stream"},
            headers_only=True,
            seconds=_SECONDS_FOR_STREAM,
        )
    )
    endpoint = Endpoint(get=get.exchange, initialize=first, modern=modern.exchange)
    endpoint = replace(endpoint, other_form=await _other_form(probe, url))
    if not _is_endpoint(endpoint):
        endpoint = replace(endpoint, other_paths=await _other_paths(probe, url))
    if endpoint.first_refusal is not None:
        endpoint = replace(
            endpoint,
            bad_token=await _with_header(probe, url, f"Bearer {secrets.token_urlsafe(24)}"),
            empty_token=await _with_header(probe, url, "Bearer "),
        )
    return replace(evidence, endpoint=endpoint)


async def _other_form(probe: Probe, url: str) -> Exchange | None:
    parts = urlsplit(url)
    if parts.path in ("", "/"):
        return None
    path = parts.path.rstrip("/") if parts.path.endswith("/") else parts.path + "/"
    other = parts._replace(path=path).geturl()
    purpose = "initialize at the URL " + ("with" if path.endswith("/") else "without") + " a slash"
    answer = await messages.begin_and_end(probe, messages.initialize(purpose, other))
    return answer.exchange


async def _other_paths(probe: Probe, url: str) -> tuple[Exchange, ...]:
    origin, path = address.origin_of(url), urlsplit(url).path
    found = []
    for other in _USUAL_PATHS:
        if other.rstrip("/") != path.rstrip("/"):
            answer = await messages.begin_and_end(
                probe, messages.initialize(f"initialize at {other}", origin + other)
            )
            found.append(answer.exchange)
    return tuple(found)


async def _with_header(probe: Probe, url: str, value: str) -> Exchange:
    purpose = (
        "initialize with an unknown token" if len(value) > 8 else "initialize with an empty token"
    )
    probe.redactor.hide(value.removeprefix("Bearer "))
    question = messages.initialize(purpose, url, headers={"Authorization": value})
    return (await messages.begin_and_end(probe, question)).exchange


def _is_endpoint(endpoint: Endpoint) -> bool:
    tries = (endpoint.initialize, endpoint.modern, endpoint.other_form)
    return any(one is not None and (one.status == 401 or speaks_mcp(one)) for one in tries)


def _is_reached(evidence: Evidence) -> bool:
    return evidence.connection is not None and evidence.connection.status is not None


HOP = Hop("endpoint", "MCP endpoint", "asking the MCP endpoint", _is_reached, observe)
