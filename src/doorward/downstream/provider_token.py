"""Tokens of the caller at an identity provider, from the authorization server that keeps them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from doorward.downstream.grants import ACCESS_TOKEN, DownstreamGrant, Fields, scope_field
from doorward.downstream.token import DownstreamToken
from doorward.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class ProviderToken(DownstreamGrant):
    """
    Gets the caller's own token at the identity provider called ``provider``.

    ``issuer`` is a Doorward authorization server in another process. ``client_id`` is this server's
    client there, whose ``provider_tokens`` names the provider. Nothing is cached here: an account that
    its user disconnects is gone with the next call.

    ```python
    ProviderToken(
        issuer="https://auth.example.com",
        client_id="mcp-server",
        client_secret=os.environ["CLIENT_SECRET"],
        provider="github",
    )
    ```

    Raises:
        ConfigurationError: as in ``DownstreamGrant``; ``no-target`` without a provider, ``no-issuer``.

    Spec: RFC 8693 §2.1 (``audience`` is the name of the provider)
    """

    is_cached: ClassVar[bool] = False

    provider: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.provider:
            raise ConfigurationError(
                "no-target",
                "provider is empty.",
                "Set provider to the name of the identity provider at the authorization server.",
            )
        if self.issuer is None:
            raise ConfigurationError(
                "no-issuer",
                f"The issuer of the provider token for {self.provider!r} is not set.",
                "Set issuer to the authorization server's issuer, whose links users open.",
            )

    @property
    def link_prefix(self) -> str | None:
        """How a link for the user begins: only pages of the issuer are shown to users."""
        return f"{str(self.issuer).rstrip('/')}/"

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request. Spec: RFC 8693 §2.1"""
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            "audience": self.provider,
        } | scope_field(self.wanted(scopes))


class InProcessToken(ABC):
    """
    A token from an authorization server in this process.

    ``AuthorizationServer.provider_tokens`` returns them.
    """

    for_caller: ClassVar[bool] = True
    is_cached: ClassVar[bool] = False
    named_urls: ClassVar[tuple[str, ...]] = ()

    subject_issuers: frozenset[str]

    def wanted(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the scopes that a tool asks for."""
        return scopes

    @abstractmethod
    async def request_token(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        """
        Return a token.

        Raises:
            DownstreamProblem, Unavailable.
        """
