"""Provider tokens for a guard in the same process, without a token endpoint between them."""

from collections.abc import Awaitable, Callable
from functools import partial

from doorward.authserver.provider_tokens.lookup import Asked, ProviderTokenLookup
from doorward.authserver.refusals import (
    AccountNotConnected,
    InvalidScope,
    InvalidTarget,
    SubjectTokenRefused,
)
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.upstream.refusals import ProviderGrantEnded
from doorward.downstream.provider_token import InProcessToken
from doorward.downstream.refusals import (
    AccountNotConnected as NotConnected,
)
from doorward.downstream.refusals import GrantRefused, KeyNotPasted, NotGranted
from doorward.downstream.token import DownstreamToken


def in_process_tokens(
    settings: AuthServerSettings, resource: str, lookup: Callable[[], ProviderTokenLookup]
) -> dict[str, InProcessToken]:
    """Return the tokens of each identity provider that is not disabled, and pasted keys, by name."""
    found: dict[str, InProcessToken] = {
        one.name: InProcessProviderToken(lookup, settings.issuer, resource, one.name)
        for one in settings.identity_providers
        if not one.disabled
    }
    if (pasted := settings.pasted_key(resource)) is not None:
        found[PASTED_KEY] = InProcessPastedKey(lookup, settings.issuer, resource, pasted.title)
    return found


class InProcessProviderToken(InProcessToken):
    """
    The tokens of one identity provider, for the callers of the server ``resource``.

    ``lookup`` is called with the first request: the authorization server may start later.
    """

    def __init__(
        self, lookup: Callable[[], ProviderTokenLookup], issuer: str, resource: str, provider: str
    ) -> None:
        self._lookup = lookup
        self._resource = resource
        self._provider = provider
        self.subject_issuers = frozenset({issuer})

    async def request_token(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        """
        Return the caller's token.

        Raises:
            NotConnected: the caller must connect an account first.
            GrantRefused, NotGranted: the caller's token, the provider or the scope is not accepted.
            Unavailable: 503.
        """
        name, lookup = self._provider, self._lookup()
        asked = Asked(
            subject_token=subject_token, resource=self._resource, provider=name, scopes=scopes
        )
        try:
            found = await lookup.find(asked)
        except AccountNotConnected as missing:
            connected = partial(lookup.is_connected, asked)
            raise self._not_connected(missing.detail, missing.error_uri, connected) from None
        except (SubjectTokenRefused, ProviderGrantEnded) as refused:
            raise GrantRefused(name, refused.detail, str(refused.wire_error)) from None
        except (InvalidTarget, InvalidScope) as refused:
            raise NotGranted(name, refused.detail, str(refused.wire_error)) from None
        return DownstreamToken(found.access_token, scopes=found.scopes, expires_at=found.expires_at)

    def _not_connected(
        self, detail: str, url: str, connected: Callable[..., Awaitable[bool]]
    ) -> NotConnected:
        return NotConnected(self._provider, detail, url, connected)


class InProcessPastedKey(InProcessProviderToken):
    """The keys that callers of the server ``resource`` pasted for the service ``title``."""

    def __init__(
        self, lookup: Callable[[], ProviderTokenLookup], issuer: str, resource: str, title: str
    ) -> None:
        super().__init__(lookup, issuer, resource, PASTED_KEY)
        self._title = title

    def _not_connected(
        self, detail: str, url: str, connected: Callable[..., Awaitable[bool]]
    ) -> NotConnected:
        return KeyNotPasted(self._title, detail, url, connected)
