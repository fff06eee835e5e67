"""Asking an issuer about a token by RFC 7662."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.errors import ConfigurationError
from doorward.net import FetchFailed
from doorward.net.circuit_breaker import RETRY
from doorward.tokens.endpoint_discovery import Endpoint
from doorward.tokens.opaque.client_authentication import AsClient, require_secure
from doorward.tokens.opaque.issuer import Answer, Ask, LookupContext
from doorward.tokens.opaque.responses import ask, read, without
from doorward.tokens.refusals import LookupUnavailable
from doorward.wire.oauth import server_metadata

# The reason of whoever would show a token to an issuer in the clear.
INSECURE = "insecure-lookup"


@dataclass(frozen=True, kw_only=True)
class Introspection(AsClient):
    """
    Asks the issuer's introspection endpoint about each token, as a client with credentials.

    ``endpoint`` is found through the issuer's metadata when left out. ``method`` is how the client
    authenticates, ``client_secret_basic`` unless ``private_key`` is given. What the issuer says
    holds for ``cache_ttl`` seconds and never beyond the token's ``exp``: for so long a revoked
    token still opens the door. 0 asks at every request.

    Answers without ``token_type`` are refused, because several issuers answer that a refresh token
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
        """The endpoint, where the operator named it."""
        return () if self.endpoint is None else (self.endpoint,)

    def recognises(self, token: str) -> bool:
        """Say yes: opaque tokens have no form."""
        return bool(token)

    def begin(self, asking: LookupContext) -> Ask:
        """Return the function that asks about one token."""
        return _Question(self, asking).ask


class _Question:
    """What one issuer is asked about a token."""

    def __init__(self, settings: Introspection, asking: LookupContext) -> None:
        self._settings = settings
        self._asking = asking
        self._client = settings.client
        self._endpoint = Endpoint(
            "an introspection endpoint",
            settings.endpoint,
            server_metadata.parse_introspection_endpoint,
            issuer=asking.issuer,
            internal_url=asking.internal_url,
            fetcher=asking.fetcher,
            clock=asking.clock,
        )

    async def ask(self, token: str) -> Answer:
        asking = self._asking
        question = self._client.form(
            {"token": token, "token_type_hint": "access_token"},
            issuer=asking.issuer,
            now=asking.clock(),
        )
        answer = await ask(asking.fetcher, await self._found(), question)
        said = read(answer, f"the introspection endpoint of {asking.issuer}")
        active = said.get("active")
        if active is False:
            return None
        # Strictly: "false" in quotes is true to whoever only asks whether something is there.
        if active is not True:
            raise LookupUnavailable(f"{asking.issuer} says active={str(active)[:50]!r}")
        return self._typed(without(token, said))

    def _typed(self, said: dict[str, Any]) -> Mapping[str, Any]:
        if self._settings.insecure_untyped and said.get("token_use") is None:
            said.setdefault("token_type", "Bearer")
        return said

    async def _found(self) -> str:
        try:
            return await self._endpoint.found()
        except FetchFailed as error:
            raise LookupUnavailable(error.detail, retry_after=RETRY, hold=RETRY) from None


def require_cache_ttl(seconds: float) -> None:
    """Raise ConfigurationError ``not-a-limit`` unless ``seconds`` is a time, or 0 for never."""
    if not 0 <= seconds <= 86400:
        raise ConfigurationError(
            "not-a-limit",
            f"cache_ttl is {seconds!r}.",
            "Give the seconds for which an answer holds, at most a day; 0 asks at every request.",
        )
