"""Token lookup by introspection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.errors import ConfigurationError
from doorward.net import FetchFailed
from doorward.net.circuit_breaker import RETRY
from doorward.tokens.endpoint_discovery import IssuerEndpoint
from doorward.tokens.opaque.client_authentication import ConfidentialClient, require_secure
from doorward.tokens.opaque.issuer import LookupContext, LookupFunction, LookupResult
from doorward.tokens.opaque.responses import ask, read, without
from doorward.tokens.refusals import LookupUnavailable
from doorward.wire.oauth import server_metadata

# The reason code for a lookup URL without TLS.
INSECURE = "insecure-lookup"


@dataclass(frozen=True, kw_only=True)
class Introspection(ConfidentialClient):
    """
    Looks tokens up at the issuer's introspection endpoint, as a client with credentials.

    ```python
    lookup: Lookup = Introspection(
        client_id="mcp-server",
        client_secret=os.environ["CLIENT_SECRET"],
        cache_ttl=0,  # a revoked token is refused at once
    )
    ```

    Without ``endpoint``, it is found in the issuer's metadata. ``method`` is how the client
    authenticates: ``client_secret_basic``, unless ``private_key`` is given. A response is cached for
    ``cache_ttl`` seconds, and never beyond the token's ``exp``. A revoked token still works for that
    long. 0 asks at every request.

    Answers without ``token_type`` are refused, because several issuers response that a refresh token
    is active and tell it apart by that alone; ``insecure_untyped=True`` accepts them, refresh
    tokens among them.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``, ``insecure-lookup`` or
            ``not-a-limit``.

    Spec: RFC 7662 §2
    """

    endpoint: str | None = None
    cache_ttl: float = 60.0
    insecure_untyped: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_cache_ttl(self.cache_ttl)
        if self.endpoint is not None:
            require_secure(self.endpoint, INSECURE)

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The endpoint, if the operator configured one."""
        return () if self.endpoint is None else (self.endpoint,)

    def recognises(self, token: str) -> bool:
        """Say yes, because opaque tokens have no common format."""
        return bool(token)

    def begin(self, context: LookupContext) -> LookupFunction:
        """Return the function that looks up one token."""
        return _IntrospectionRequest(self, context).ask


class _IntrospectionRequest:
    """An introspection request to one issuer."""

    def __init__(self, settings: Introspection, context: LookupContext) -> None:
        self._settings = settings
        self._context = context
        self._client = settings.client
        self._endpoint = IssuerEndpoint(
            "an introspection endpoint",
            settings.endpoint,
            server_metadata.parse_introspection_endpoint,
            issuer=context.issuer,
            internal_url=context.internal_url,
            fetcher=context.fetcher,
            clock=context.clock,
        )

    async def ask(self, token: str) -> LookupResult:
        context = self._context
        request = self._client.form(
            {"token": token, "token_type_hint": "access_token"},
            issuer=context.issuer,
            now=context.clock(),
        )
        response = await ask(context.fetcher, await self._endpoint_url(), request)
        body = read(response, f"the introspection endpoint of {context.issuer}")
        active = body.get("active")
        if active is False:
            return None
        # Exactly true: the string "false" is truthy.
        if active is not True:
            raise LookupUnavailable(f"{context.issuer} says active={str(active)[:50]!r}")
        return self._typed(without(token, body))

    def _typed(self, body: dict[str, Any]) -> Mapping[str, Any]:
        if self._settings.insecure_untyped and body.get("token_use") is None:
            body.setdefault("token_type", "Bearer")
        return body

    async def _endpoint_url(self) -> str:
        try:
            return await self._endpoint.url()
        except FetchFailed as error:
            raise LookupUnavailable(error.detail, retry_after=RETRY, hold=RETRY) from None


def require_cache_ttl(seconds: float) -> None:
    """Raise ConfigurationError ``not-a-limit`` unless ``seconds`` is a time, or 0 for never."""
    if not 0 <= seconds <= 86400:
        raise ConfigurationError(
            "not-a-limit",
            f"cache_ttl is {seconds!r}.",
            "Give the seconds for which a response holds, at most a day; 0 asks at every request.",
        )
