"""Discovers the authorization server of an MCP server, and validates its metadata."""

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
    A parsed ``WWW-Authenticate`` header; ``None`` for an absent parameter.

    ``dpop`` is true if the server accepts DPoP-bound tokens.
    """

    metadata_url: str | None = None
    scopes: frozenset[str] | None = None
    error: str | None = None
    dpop: bool = False


@dataclass(frozen=True, kw_only=True)
class DiscoveredIssuer:
    """The MCP server's resource metadata, and the metadata of its authorization server."""

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
    Return the authorization server of the MCP server at ``server_url``.

    ```python
    async def issuer_of(sign_in: SignIn, url: str, challenge: BearerChallenge) -> str:
        found: DiscoveredIssuer = await discover(sign_in.http_client, url, challenge)
        return found.server.issuer
    ```

    Chooses ``preferred_issuer`` if the server lists it, otherwise the first issuer in the list.

    Raises:
        DiscoveryFailed: a metadata document is missing, malformed or not to be trusted.

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
    Return the resource metadata from the URL in the challenge, else from the well-known URLs.

    Raises:
        DiscoveryFailed: with reason ``no-resource-metadata``, ``wrong-resource``,
            ``not-metadata``, or a reason of ``UrlPolicy.require``.

    Spec: RFC 9728 §3.1, §3.3, §5.1
    """
    if challenge.metadata_url is not None:
        # The server named this URL, so a failure here must not fall back to another one.
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
            ``pkce-not-offered``, ``malformed-metadata``, ``not-an-issuer``, or a reason of
            ``UrlPolicy.require``.
        SignInFailed: with reason ``colliding-parameters``.

    Spec: RFC 8414 §2, §3; MCP 2026-07-28 authorization server metadata discovery
    """
    http_client.url_policy.require(issuer, "authorization server")
    try:
        address.require_issuer(issuer)
    except ConfigurationError as error:
        raise DiscoveryFailed(
            error.reason, error.problem, "The MCP server's operator must fix its metadata."
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
                f"The metadata of {issuer} is not valid: {refusal.detail}.",
                "Nothing was sent there. Its operator must fix the metadata.",
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
    """Return each metadata URL, with the resource identifiers that are valid there."""
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
        f"The metadata at {answer.url} is not for {server_url}: {refusal.detail}.",
        "Use the URL in the metadata, or ask the server's operator to fix it.",
    ) from refusal


def _resource_identifiers(server_url: str) -> tuple[str, ...]:
    """
    Return the resource identifiers that equal this URL, with and without the slash of an origin.

    A parent path is not one of them: a tenant of a shared host could otherwise get tokens for the
    whole host, and use them at another tenant.
    """
    parts = urlsplit(server_url)
    canonical = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    twin = {"": canonical + "/", "/": canonical.rstrip("/")}.get(parts.path)
    return tuple(dict.fromkeys(name for name in (server_url, canonical, twin) if name))


def _no_resource_metadata(where: str, status: int) -> DiscoveryFailed:
    return DiscoveryFailed(
        "no-resource-metadata",
        f"The MCP server names no authorization server: no metadata at {where} ({status}).",
        "Check the URL. The server's operator must publish RFC 9728 metadata.",
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
    Return the scopes to request.

    The scopes are ``wanted``, else those of the challenge, else those in the resource metadata; the
    ``held`` scopes are added. Invalid scopes in the metadata are skipped: no token record could
    store them, and the user would have to sign in before each call. With ``offline``,
    ``offline_access`` is added if the issuer supports it, to get a refresh token.

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
