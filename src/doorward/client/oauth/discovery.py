"""From a server's address to an authorization server that may be trusted with the sign-in."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.oauth.authorization import require_endpoint
from doorward.client.refusals import DiscoveryFailed
from doorward.errors import ConfigurationError
from doorward.wire import address
from doorward.wire.oauth import resource_metadata, server_metadata
from doorward.wire.oauth.challenge import MalformedChallenge, parse_challenges
from doorward.wire.oauth.resource_metadata import ResourceMetadata
from doorward.wire.oauth.scope import parse_scope
from doorward.wire.oauth.server_metadata import ServerMetadata


@dataclass(frozen=True, kw_only=True)
class BearerChallenge:
    """
    What a server's ``WWW-Authenticate`` asks for; ``None`` is "not said".

    ``dpop`` says that the server takes tokens that are bound to a key.
    """

    metadata_url: str | None = None
    scopes: frozenset[str] | None = None
    error: str | None = None
    dpop: bool = False


@dataclass(frozen=True, kw_only=True)
class DiscoveredIssuer:
    """Who protects the server: the resource as it names itself, and the issuer's metadata."""

    resource: ResourceMetadata
    server: ServerMetadata


def read_challenge(headers: httpx2.Headers) -> BearerChallenge:
    """
    Return the Bearer or DPoP challenge in a response, or an empty one.

    Spec: RFC 6750 §3; RFC 9449 §7.1; RFC 9728 §5.1
    """
    try:
        challenges = parse_challenges(", ".join(headers.get_list("www-authenticate")))
    except MalformedChallenge:
        return BearerChallenge()
    schemes = {each.scheme: each.params for each in reversed(challenges)}
    parameters = {**schemes.get("dpop", {}), **schemes.get("bearer", {})}
    scope = parameters.get("scope")
    return BearerChallenge(
        metadata_url=parameters.get("resource_metadata"),
        scopes=parse_scope(scope) if scope else None,
        error=parameters.get("error"),
        dpop="dpop" in schemes,
    )


async def discover(
    http_client: HttpClient,
    server_url: str,
    challenge: BearerChallenge,
    preferred_issuer: str | None = None,
) -> DiscoveredIssuer:
    """
    Return who protects the MCP server at ``server_url``.

    ``preferred_issuer`` is chosen when the server lists it; otherwise the first one listed.

    Raises:
        DiscoveryFailed: the way is broken somewhere, or leads to somebody who may not be trusted.

    Spec: MCP 2026-07-28 authorization server discovery; RFC 9728 §3, §7.6
    """
    resource = await fetch_resource_metadata(http_client, server_url, challenge)
    listed = resource.authorization_servers
    issuer = preferred_issuer if preferred_issuer in listed else listed[0]
    return DiscoveredIssuer(
        resource=resource, server=await fetch_server_metadata(http_client, issuer)
    )


async def fetch_resource_metadata(
    http_client: HttpClient, server_url: str, challenge: BearerChallenge
) -> ResourceMetadata:
    """
    Return what the server says of itself: at the URL of its challenge, else where it must be.

    Raises:
        DiscoveryFailed: with reason ``no-resource-metadata``, ``wrong-resource``,
            ``not-metadata``, or one that ``Reach.require`` gives.

    Spec: RFC 9728 §3.1, §3.3, §5.1
    """
    if challenge.metadata_url is not None:
        # The server named the place, so what is wrong there is not mended by looking elsewhere.
        answer = await http_client.get(challenge.metadata_url, "resource metadata")
        if answer.status != 200:
            raise _no_resource_metadata(challenge.metadata_url, answer.status)
        return _parse_resource_metadata(answer, server_url, _resource_identifiers(server_url))
    urls: list[str] = []
    for url, names in _resource_metadata_urls(server_url):
        answer = await http_client.get(url, "resource metadata")
        # Single-page applications answer every path with 200 and a page.
        if answer.status == 200 and answer.body.lstrip()[:1] == b"{":
            return _parse_resource_metadata(answer, server_url, names)
        urls.append(url)
    raise _no_resource_metadata(" and ".join(urls), 404)


async def fetch_server_metadata(http_client: HttpClient, issuer: str) -> ServerMetadata:
    """
    Return the validated metadata of ``issuer``.

    Raises:
        DiscoveryFailed: with reason ``no-server-metadata``, ``issuer-mismatch``,
            ``pkce-not-offered``, ``malformed-metadata``, ``not-an-issuer``, or one that
            ``Reach.require`` gives.
        SignInFailed: with reason ``colliding-parameters``.

    Spec: RFC 8414 §2, §3; MCP 2026-07-28 authorization server metadata discovery
    """
    http_client.url_policy.require(issuer, "authorization server")
    try:
        address.require_issuer(issuer)
    except ConfigurationError as error:
        raise DiscoveryFailed(
            error.reason, error.problem, "The server's operator must correct its metadata."
        ) from error
    for url in server_metadata.metadata_urls(issuer):
        answer = await http_client.get(url, "authorization server metadata")
        if answer.status != 200 or answer.body.lstrip()[:1] != b"{":
            continue
        try:
            metadata = server_metadata.parse(answer.document(), issuer)
        except server_metadata.ServerMetadataRefused as refusal:
            raise DiscoveryFailed(
                refusal.code,
                f"{issuer} cannot be trusted with a sign-in: {refusal.detail}.",
                "Its operator must correct the metadata; nothing was sent there.",
            ) from refusal
        return _require_allowed_urls(http_client, metadata)
    raise DiscoveryFailed(
        "no-server-metadata",
        f"{issuer} publishes no authorization server metadata.",
        "Its operator must serve RFC 8414 or OpenID Connect Discovery metadata.",
    )


def _require_allowed_urls(http_client: HttpClient, metadata: ServerMetadata) -> ServerMetadata:
    http_client.url_policy.require(metadata.authorization_endpoint, "authorization endpoint")
    require_endpoint(metadata.authorization_endpoint)
    http_client.url_policy.require(metadata.token_endpoint, "token endpoint")
    if metadata.registration_endpoint is not None:
        http_client.url_policy.require(metadata.registration_endpoint, "registration endpoint")
    return metadata


def _resource_metadata_urls(server_url: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each place to look, with the resources that a document there may be about."""
    well_known = resource_metadata.WELL_KNOWN
    origin, path = address.origin_of(server_url), urlsplit(server_url).path.rstrip("/")
    root, names = origin + well_known, _resource_identifiers(server_url)
    if not path:
        return ((root, names),)
    # The document at the root is the host's own, which no tenant below it can write. There, and
    # there alone, the host may say that all of it is one resource.
    return ((root + path, names), (root, (*names, *_resource_identifiers(origin))))


def _parse_resource_metadata(
    answer: HttpResponse, server_url: str, names: tuple[str, ...]
) -> ResourceMetadata:
    refusal: resource_metadata.ResourceMetadataRefused | None = None
    for name in names:
        try:
            return resource_metadata.parse(answer.body, name)
        except resource_metadata.ResourceMetadataRefused as error:
            refusal = refusal or error
    assert refusal is not None
    raise DiscoveryFailed(
        refusal.reason,
        f"The metadata at {answer.url} is not about {server_url}: {refusal.detail}.",
        "Use the address that the server names, or ask its operator to correct it.",
    ) from refusal


def _resource_identifiers(server_url: str) -> tuple[str, ...]:
    """
    Return the resource identifiers that are this address: itself, and its bare-origin twin.

    A parent path is not one of them: a tenant of a shared host, whose challenge names the place of
    the metadata, could otherwise have tokens made for the whole host, and spend them next door.
    """
    parts = urlsplit(server_url)
    canonical = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    twin = {"": canonical + "/", "/": canonical.rstrip("/")}.get(parts.path)
    return tuple(dict.fromkeys(name for name in (server_url, canonical, twin) if name))


def _no_resource_metadata(where: str, status: int) -> DiscoveryFailed:
    return DiscoveryFailed(
        "no-resource-metadata",
        f"The server does not say who signs people in: nothing usable at {where} ({status}).",
        "Check the address. The server's operator must publish RFC 9728 metadata.",
    )


def requested_scopes(
    challenge: BearerChallenge,
    found: DiscoveredIssuer,
    *,
    wanted: frozenset[str] | None = None,
    held: frozenset[str] = frozenset(),
    offline: bool = True,
) -> frozenset[str]:
    """
    Return the scopes to ask for.

    What the user asked for comes first, then the challenge's, then all that the resource lists;
    what is already ``held`` is kept. What cannot be a scope is not asked for, however it is listed:
    no record of tokens could hold it, so its user would sign in before each call. With ``offline``, ``offline_access`` is added where the issuer
    offers it, or there would be no refresh token.

    Spec: MCP 2026-07-28 scope selection strategy, step-up, refresh tokens
    """
    advertised = found.resource.scopes_supported
    if wanted is not None:
        chosen = wanted
    elif challenge.scopes is not None:
        chosen = challenge.scopes
    else:
        chosen = frozenset(one for one in advertised or () if parse_scope(one) == frozenset({one}))
    chosen |= held
    if offline and chosen and "offline_access" in (found.server.scopes_supported or ()):
        chosen |= {"offline_access"}
    return chosen
