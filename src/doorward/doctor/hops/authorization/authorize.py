"""Authorization requests without a session: their errors show before anybody signs in."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from doorward.doctor.evidence.before_sign_in import AuthorizeTry, AuthorizeView, Outcome
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question
from doorward.idp.clients import CLIENTS
from doorward.wire.oauth.pkce import challenge_of

_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_MOST_DOCUMENTS = 3


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with the answers to an unknown client, to clients with a published metadata
    document if the issuer supports those, and to the client that will sign in.

    Spec: RFC 6749 §4.1.1, §4.1.2.1
    """
    assert evidence.issuer is not None
    endpoint = str(evidence.issuer.document["authorization_endpoint"])
    redirect_uri = probe.credentials.redirect_uri
    unknown = f"doorward-doctor-{secrets.token_hex(4)}"
    tries = [await _try(probe, evidence, "unknown", unknown, redirect_uri)]
    if evidence.registration is not None and evidence.registration.documents:
        for name, client_id, uri in _documents(probe.plan.persona):
            tries.append(await _try(probe, evidence, name, client_id, uri))
    own = probe.plan.client_id or probe.credentials.client_id
    if own is not None:
        who = "given" if probe.plan.client_id else "registered"
        tries.append(await _try(probe, evidence, who, own, redirect_uri))
    view = AuthorizeView(
        endpoint=endpoint, tries=tuple(tries), token_endpoint=await _token_endpoint(probe, evidence)
    )
    return replace(evidence, authorize=view)


async def _token_endpoint(probe: Probe, evidence: Evidence) -> Exchange | None:
    """Return the answer to a code that nobody issued, for a client that does not exist."""
    assert evidence.issuer is not None
    url = evidence.issuer.document.get("token_endpoint")
    if not isinstance(url, str):
        return None
    form = {
        "grant_type": "authorization_code",
        "code": secrets.token_urlsafe(16),
        "client_id": "doorward-doctor-unknown",
        "redirect_uri": probe.credentials.redirect_uri,
        "code_verifier": secrets.token_urlsafe(48),
    }
    question = Question(purpose="token request (unknown)", url=url, method="POST", form=form)
    return (await probe.send(question)).exchange


def request_parameters(
    evidence: Evidence, client_id: str, redirect_uri: str, *, state: str, challenge: str, scope: str
) -> dict[str, str]:
    """Return the parameters of an authorization request, as a client of 2026-07-28 sends them."""
    return {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": resource_of(evidence),
        **({"scope": scope} if scope else {}),
    }


def resource_of(evidence: Evidence) -> str:
    """Return the resource that a client asks for: the one in the metadata, else the URL."""
    named = evidence.resource_metadata and evidence.resource_metadata.resource
    return named or evidence.target


def scope_of(evidence: Evidence, chosen: str | None) -> str:
    """
    Return the scopes that a client asks for: those of the challenge, else those in the metadata.

    Spec: MCP 2026-07-28 scope selection strategy
    """
    if chosen is not None:
        return chosen
    if evidence.challenge is not None and evidence.challenge.scope:
        return evidence.challenge.scope
    named = evidence.resource_metadata and evidence.resource_metadata.document.get(
        "scopes_supported"
    )
    return " ".join(one for one in named if isinstance(one, str)) if isinstance(named, list) else ""


def with_query(endpoint: str, parameters: Mapping[str, str]) -> str:
    """Return ``endpoint`` with ``parameters`` behind its own."""
    return endpoint + ("&" if "?" in endpoint else "?") + urlencode(parameters)


async def _try(
    probe: Probe, evidence: Evidence, who: str, client_id: str, redirect_uri: str
) -> AuthorizeTry:
    assert evidence.issuer is not None
    endpoint = str(evidence.issuer.document["authorization_endpoint"])
    parameters = request_parameters(
        evidence,
        client_id,
        redirect_uri,
        state=secrets.token_urlsafe(16),
        challenge=challenge_of(secrets.token_urlsafe(48)),
        scope=scope_of(evidence, probe.plan.scope),
    )
    answer = await probe.send(
        Question(
            purpose=f"authorization request ({who})",
            url=with_query(endpoint, parameters),
            headers={"Accept": "text/html,application/xhtml+xml"},
        )
    )
    outcome, error, text = _outcome(answer.exchange, redirect_uri)
    return AuthorizeTry(
        who=who,
        exchange=answer.exchange,
        outcome=outcome,
        error=error,
        text=text,
        redirect_uri=redirect_uri,
        scope=parameters.get("scope", ""),
        resource=parameters["resource"],
    )


def _outcome(exchange: Exchange, redirect_uri: str) -> tuple[Outcome, str, str]:
    """Return what the answer means; an error page is told by its status, or by its own code."""
    text = exchange.body
    if exchange.status is None or exchange.status >= 500:
        return "fails", exchange.error_code(), text
    if exchange.status in (404, 405, 410):
        return "absent", exchange.error_code(), text
    if exchange.is_redirect:
        return _redirected(exchange, redirect_uri)
    if exchange.status >= 400 or "AADSTS" in text:
        said = exchange.document or {}
        return "error page", exchange.error_code(), text or str(said.get("error_description", ""))
    return "continues", "", ""


def _redirected(exchange: Exchange, redirect_uri: str) -> tuple[Outcome, str, str]:
    location = exchange.headers["location"]
    query = dict(parse_qsl(urlsplit(location).query))
    error = query.get("error", "")
    error = error if _ERROR.fullmatch(error) else ""
    # A provider that signs in without a page sends the code at once. It is not used.
    if location.startswith(redirect_uri) and not query.get("code"):
        return "error redirect", error, query.get("error_description", "")
    return ("error page" if error else "continues"), error, query.get("error_description", "")


def _documents(persona: str) -> list[tuple[str, str, str]]:
    """Return name, client id and redirect URI of clients with a published metadata document."""
    found = []
    for client in CLIENTS:
        fact = client.connection.document if client.connection is not None else None
        if fact is None or not fact.verified or persona not in ("", client.name):
            continue
        uris, client_id = fact.value.get("redirect_uris"), fact.value.get("client_id")
        if isinstance(client_id, str) and isinstance(uris, list | tuple) and uris:
            found.append((client.name, client_id, str(uris[0])))
    return found[:_MOST_DOCUMENTS]


def can_authorize(evidence: Evidence) -> bool:
    """Return whether a client would send an authorization request to this issuer."""
    issuer = evidence.issuer
    if issuer is None or not isinstance(issuer.document.get("authorization_endpoint"), str):
        return False
    refused = {name for name, _ in issuer.refused_endpoints}
    return (
        issuer.document.get("issuer") == issuer.issuer and "authorization_endpoint" not in refused
    )


HOP = Hop("authorize", "Authorization request", "asking without signing in", can_authorize, observe)
