"""Finds the issuer of an MCP server, in the order in which a client looks."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from doorward.client.oauth.discovery import BearerChallenge
from doorward.idp.clients import ConnectionFacts
from doorward.testing.personas.http import PersonaHttp, object_in
from doorward.wire.address import origin_of
from doorward.wire.oauth.resource_metadata import WELL_KNOWN
from doorward.wire.oauth.server_metadata import OAUTH, OPENID


@dataclass(frozen=True)
class Found:
    """What a client found out: the challenge, and the metadata of the server and of its issuer."""

    challenge: BearerChallenge
    resource: dict[str, Any] | None
    issuer: str
    metadata: dict[str, Any] = field(repr=False)

    def scopes(self, facts: ConnectionFacts) -> tuple[str, ...]:
        """Return the scopes that the client requests, in the order of their source."""
        listed: dict[str, Any] = {
            "challenge": sorted(self.challenge.scopes or ()),
            "resource": (self.resource or {}).get("scopes_supported"),
            "issuer": self.metadata.get("scopes_supported"),
        }
        chosen = next((list(listed[one]) for one in facts.scopes.value if listed[one]), [])
        offered = self.metadata.get("scopes_supported") or ()
        wants = facts.offline_access.value and chosen and "offline_access" not in chosen
        return (*chosen, "offline_access") if wants and "offline_access" in offered else (*chosen,)

    def resource_parameter(self, facts: ConnectionFacts, server_url: str) -> str | None:
        """Return the ``resource`` parameter that the client sends."""
        form = facts.resource.value
        if form == "url":
            return server_url
        if form == "none" or self.resource is None:
            return None
        published = str(self.resource.get("resource", server_url))
        return normalized(published) if form == "normalized" else published


async def discover(http: PersonaHttp, server_url: str, challenge: BearerChallenge) -> Found:
    """
    Return what the client finds out about ``server_url``.

    Raises:
        PersonaFailed: at ``resource-metadata`` or ``issuer``.
    """
    http.trace.start("resource-metadata")
    resource = await _resource_metadata(http, server_url, challenge)
    listed = (resource or {}).get("authorization_servers") or [origin_of(server_url)]
    issuer = str(listed[0])
    http.trace.finish(f"the issuer is {issuer}")
    http.trace.start("issuer")
    metadata = await _issuer_metadata(http, server_url, issuer)
    http.trace.finish(f"its token endpoint is {metadata['token_endpoint']}")
    return Found(challenge, resource, str(metadata.get("issuer", issuer)), metadata)


async def _resource_metadata(
    http: PersonaHttp, server_url: str, challenge: BearerChallenge
) -> dict[str, Any] | None:
    facts = http.facts
    seen = []
    for url in _resource_urls(facts, server_url, challenge.metadata_url):
        response = await http.oauth("GET", url)
        document = object_in(response) if response.status_code == 200 else None
        if document is None:
            seen.append(f"{url} answered {response.status_code}")
        elif matches(facts, str(document.get("resource")), server_url):
            return document
        elif facts.fallback.value != "any":
            raise http.trace.failure(
                f"the metadata at {url} is for {document.get('resource')!r}, and the user gave "
                f"{server_url!r}.",
                facts.resource_match,
            )
    if facts.fallback.value == "never":
        raise http.trace.failure(
            f"there is no metadata: {', '.join(seen)}, expected 200 and a JSON object.",
            facts.resource_metadata,
        )
    return None


def _resource_urls(facts: ConnectionFacts, server_url: str, named: str | None) -> list[str]:
    if named is not None and "challenge" in facts.resource_metadata.value:
        return [named]
    origin, path = origin_of(server_url), urlsplit(server_url).path.rstrip("/")
    urls = {
        "path": origin + WELL_KNOWN + path,
        "suffix": origin + path + WELL_KNOWN,
        "root": origin + WELL_KNOWN,
    }
    return list(dict.fromkeys(urls[one] for one in facts.resource_metadata.value if one in urls))


def matches(facts: ConnectionFacts, published: str, server_url: str) -> bool:
    """Return whether the client takes metadata for ``published`` as that of ``server_url``."""
    if facts.resource_match.value == "exact":
        return published == server_url
    if facts.resource_match.value == "normalized":
        return normalized(published) == normalized(server_url)
    ours, theirs = urlsplit(normalized(server_url)), urlsplit(normalized(published))
    parent = theirs.path.rstrip("/") + "/"
    return ours[:2] == theirs[:2] and f"{ours.path.rstrip('/')}/".startswith(parent)


def normalized(url: str) -> str:
    """Return ``url`` as a URL parser of the web writes it: an origin gets a slash."""
    parts = urlsplit(url)
    default = {"https": ":443", "http": ":80"}.get(parts.scheme.lower(), "")
    host = parts.netloc.lower()
    host = host.removesuffix(default) if default else host
    return urlunsplit((parts.scheme.lower(), host, parts.path or "/", parts.query, ""))


async def _issuer_metadata(http: PersonaHttp, server_url: str, issuer: str) -> dict[str, Any]:
    facts = http.facts
    seen = []
    for url in _issuer_urls(facts, issuer):
        response = await http.oauth("GET", url)
        document = object_in(response) if response.status_code == 200 else None
        if document is None:
            seen.append(f"{url} answered {response.status_code}")
            continue
        if facts.issuer_match.value and document.get("issuer") not in (issuer, issuer.rstrip("/")):
            raise http.trace.failure(
                f"the metadata at {url} names the issuer {document.get('issuer')!r}, expected "
                f"{issuer!r}.",
                facts.issuer_match,
            )
        return _usable(http, url, document)
    if facts.fallback.value == "any":
        origin = origin_of(server_url)
        return {f"{one}_endpoint": f"{origin}/{path}" for one, path in _DEFAULT_ENDPOINTS.items()}
    raise http.trace.failure(
        f"the issuer has no metadata: {', '.join(seen)}, expected 200 and a JSON object.",
        facts.issuer_metadata,
    )


_DEFAULT_ENDPOINTS = {
    "authorization": "authorize",
    "token": "token",
    "registration": "register",
}


def _issuer_urls(facts: ConnectionFacts, issuer: str) -> list[str]:
    origin = origin_of(issuer)
    path = issuer[len(origin) :].rstrip("/")
    urls = {
        "oauth": origin + OAUTH + path,
        "openid": origin + OPENID + path,
        "openid-suffix": origin + path + OPENID,
        "oauth-root": origin + OAUTH,
        "openid-root": origin + OPENID,
    }
    return list(dict.fromkeys(urls[one] for one in facts.issuer_metadata.value))


def _usable(http: PersonaHttp, url: str, document: dict[str, Any]) -> dict[str, Any]:
    for name in ("authorization_endpoint", "token_endpoint"):
        if not isinstance(document.get(name), str):
            raise http.trace.failure(f"the metadata at {url} has no {name}.")
    methods = document.get("code_challenge_methods_supported")
    if methods is not None and "S256" not in methods:
        raise http.trace.failure(f"the metadata at {url} does not offer PKCE with S256.")
    return document
