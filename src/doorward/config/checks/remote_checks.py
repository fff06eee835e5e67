"""Checks that ask others: the public addresses, the MCP servers, the issuers, the providers."""

import secrets
from collections.abc import Awaitable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from doorward.authserver import AuthServerSettings, IdentityProvider
from doorward.authserver.upstream.provider_client import AuthorizationLeg, ProviderClient
from doorward.authserver.upstream.refusals import (
    ProviderGrantEnded,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from doorward.config.checks.findings import Finding, failed, ok, warning
from doorward.config.checks.mcp_check import check_upstream
from doorward.config.checks.stdio_check import check_command
from doorward.config.settings import Configuration, TrustedIssuerSettings
from doorward.errors import HttpError
from doorward.idp.probe.discovery import look
from doorward.net import Clock, Fetcher, FetchFailed, FetchRequest, FetchResponse
from doorward.wire.oauth.resource_metadata import metadata_url
from doorward.wire.oauth.server_metadata import metadata_urls
from doorward.wire.strict_json import NotStrictJson, parse_object

_LARGEST = 1024 * 1024
# Guards allow this difference by default.
_MOST_SKEW = 60


class RemoteChecks:
    """The checks of one configuration; each returns its finding, and changes nothing anywhere."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock

    def all(self, configuration: Configuration) -> Iterator[Awaitable[Finding]]:
        """Yield every check, in the order of the file."""
        own = configuration.authorization_server
        if own is not None:
            url = metadata_urls(own.issuer)[0]
            yield self._address("authorization_server.issuer", url, "issuer", own.issuer)
            for number, provider in enumerate(own.identity_providers, 1):
                yield from self._provider(f"identity_providers[{number}]", provider, own)
        for number, server in enumerate(configuration.mcp_servers, 1):
            setting = f"mcp_servers[{number}]"
            url = metadata_url(server.resource)
            yield self._address(f"{setting}.resource", url, "resource", server.resource)
            if server.stdio is not None:
                yield check_command(f"{setting}.command", server.stdio, server.policy)
            elif server.upstream is not None:
                yield check_upstream(f"{setting}.upstream", server, self._fetcher)
            for issuer in server.issuers:
                if issuer.issuer is not None and (own is None or issuer.issuer != own.issuer):
                    yield self._issuer(f"{setting}.issuer", issuer, issuer.issuer)

    async def _address(self, setting: str, url: str, member: str, expected: str) -> Finding:
        """Check what answers at a public address: this service, when it runs, or nobody yet."""
        try:
            answer = await self._get(url)
        except FetchFailed as error:
            return warning(
                setting,
                f"Nobody answers at {url} yet ({error.detail}).",
                "Check it again while doorward serve runs and the proxy forwards this address.",
            )
        named = _member(answer, member)
        if named == expected:
            return ok(setting, f"{expected} is reachable.")
        if answer.status in (502, 503, 504):
            return warning(
                setting,
                f"The proxy at {url} answers {answer.status}: nothing runs behind it yet.",
                "Check it again while doorward serve runs.",
            )
        if named is not None:
            return failed(
                setting,
                f"{url} names itself {named[:200]!r}, and the setting is {expected!r}.",
                "Set it to the address that clients use, byte for byte.",
            )
        return failed(
            setting,
            f"{url} answers {answer.status} and no metadata of this service.",
            "Let the proxy forward every path of this host, /.well-known/ included.",
        )

    async def _issuer(self, setting: str, settings: TrustedIssuerSettings, issuer: str) -> Finding:
        if settings.client_ids or settings.idp == "github":
            return ok(setting, f"Tokens of {issuer} are looked up, so no metadata is needed.")
        tried = await look(self._fetcher, settings.internal_url or issuer)
        if any(one.speaks_for(issuer) for one in tried):
            return await self._clock_of(setting, settings.internal_url or issuer, issuer)
        others = [one.document.get("issuer") for one in tried if one.document is not None]
        if others:
            return failed(
                setting,
                f"The metadata names the issuer {str(others[0])[:200]!r}, not {issuer!r}.",
                "Set issuer to what the metadata says, byte for byte.",
            )
        return failed(
            setting,
            f"{issuer} has no metadata: {tried[0].problem}.",
            "Correct issuer, or set internal_url or jwks_uri if this process reaches it elsewhere.",
        )

    async def _clock_of(self, setting: str, url: str, issuer: str) -> Finding:
        try:
            skew = _skew(await self._get(metadata_urls(url)[-1]), self._clock())
        except FetchFailed:
            skew = 0
        if abs(skew) <= _MOST_SKEW:
            return ok(setting, f"{issuer} publishes its metadata, and the clocks agree.")
        return failed(
            setting,
            f"The clock of this machine is {abs(skew)} seconds {'ahead of' if skew > 0 else 'behind'}"
            f" that of {issuer}.",
            "Synchronise the clock, for example with systemd-timesyncd.",
        )

    def _provider(
        self, setting: str, provider: IdentityProvider, own: AuthServerSettings
    ) -> Iterator[Awaitable[Finding]]:
        client = ProviderClient(provider, self._fetcher, self._clock)
        leg = AuthorizationLeg(
            state=secrets.token_urlsafe(16),
            nonce=secrets.token_urlsafe(16),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=own.callback_url(provider.name),
            prompt="none",
        )
        yield self._discovery(f"{setting}.issuer", client)
        yield self._redirect_uri(f"{setting}.client_id", client, leg)
        yield self._client_secret(f"{setting}.client_secret", client, leg)

    async def _discovery(self, setting: str, client: ProviderClient) -> Finding:
        issuer = client.provider.issuer_url
        try:
            await client.metadata()
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            return failed(
                setting,
                f"The provider's metadata cannot be used: {error.detail}.",
                "Check issuer, byte for byte, and that this machine reaches the provider.",
            )
        if client.provider.sign_in.endpoints is not None:
            return ok(setting, f"{issuer} needs no metadata.")
        return await self._clock_of(setting, client.provider.internal_url or issuer, issuer)

    async def _redirect_uri(
        self, setting: str, client: ProviderClient, leg: AuthorizationLeg
    ) -> Finding:
        """
        Ask the provider for a sign-in without a page.

        It must send errors to a redirect URI that it knows, and to no other.

        Spec: OpenID Connect Core 1.0 §3.1.2.6; RFC 6749 §4.1.2.1
        """
        enter = f"Enter {leg.redirect_uri} as redirect URI at {client.provider.title}."
        try:
            answer = await self._get(await client.authorization_url(leg))
        except (FetchFailed, ProviderUnavailable, ProviderMisconfigured):
            return warning(setting, "The provider did not answer about the redirect URI.", enter)
        target = urlsplit(answer.headers.get("location", ""))
        if target._replace(query="", fragment="").geturl() == leg.redirect_uri:
            return ok(setting, f"The provider knows the client and {leg.redirect_uri}.")
        if answer.status >= 400 or "error" in f"{target.path}?{target.query}":
            return failed(
                setting,
                f"The provider refuses this client_id or {leg.redirect_uri}.",
                f"{enter} Compare client_id with the application there.",
            )
        return warning(
            setting, "The provider does not say whether it knows the redirect URI.", enter
        )

    async def _client_secret(
        self, setting: str, client: ProviderClient, leg: AuthorizationLeg
    ) -> Finding:
        """Redeem a code that nobody issued: the provider checks the secret first, then the code."""
        try:
            await client.redeem("doorward-check", leg)
        except ProviderGrantEnded:
            return ok(setting, "The provider accepts the client's credentials.")
        except ProviderMisconfigured as error:
            return failed(
                setting,
                f"The provider refuses the client's credentials ({error.detail}).",
                "Copy the client secret again from the application at the provider.",
            )
        except HttpError:
            pass
        return warning(
            setting,
            "The provider does not say whether the client secret is right.",
            "A wrong secret shows at the first sign-in, as provider-misconfigured.",
        )

    async def _get(self, url: str) -> FetchResponse:
        return await self._fetcher.send(url, FetchRequest(accept="*/*"), limit=_LARGEST)


def _member(answer: FetchResponse, name: str) -> str | None:
    if answer.status != 200:
        return None
    try:
        document: Mapping[str, object] = parse_object(answer.body)
    except NotStrictJson:
        return None
    found = document.get(name)
    return found if isinstance(found, str) else None


def _skew(answer: FetchResponse, now: float) -> int:
    """Return by how many seconds this machine is ahead of the server that answered."""
    try:
        return round(now - parsedate_to_datetime(answer.headers.get("date", "")).timestamp())
    except ValueError:
        return 0
