"""Token lookup at GitHub."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from doorward.errors import MissingClaim
from doorward.tokens.opaque.client_authentication import (
    ClientAuthentication,
    json_request,
    require_secure,
)
from doorward.tokens.opaque.introspection import INSECURE, require_cache_ttl
from doorward.tokens.opaque.issuer import LookupContext, LookupFunction, LookupResult
from doorward.tokens.opaque.responses import ask, read
from doorward.tokens.refusals import LookupUnavailable

API = "https://api.github.com"
_ACCEPT = "application/vnd.github+json"
# OAuth apps, and GitHub Apps for users. Personal tokens (ghp_, github_pat_) belong to no app and are
# never sent.
_PREFIXES = ("gho_", "ghu_")


@dataclass(frozen=True, kw_only=True)
class GitHubTokenCheck:
    """
    Looks tokens up at GitHub, and accepts those that were issued to this app.

    ```python
    issuer = OpaqueIssuer(
        issuer="https://github.com",
        lookup=GitHubTokenCheck(
            client_id="Iv1.0123456789abcdef", client_secret=os.environ["GITHUB_CLIENT_SECRET"]
        ),
        client_ids=("Iv1.0123456789abcdef",),
    )
    ```

    ``client_id`` and ``client_secret`` are the app's. GitHub answers 404 for a token of another app,
    while ``GET /user`` accepts any active token. ``api`` is for GitHub Enterprise
    Server: ``https://{host}/api/v3``. ``cache_ttl`` is in seconds, as in ``Introspection``.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``, ``insecure-lookup`` or
            ``not-a-limit``.
    """

    client_id: str
    client_secret: str = field(repr=False)
    api: str = API
    cache_ttl: float = 60.0

    def __post_init__(self) -> None:
        _ = self.client
        require_secure(self.api, INSECURE)
        require_cache_ttl(self.cache_ttl)

    @property
    def client(self) -> ClientAuthentication:
        """The client as which this server authenticates."""
        return ClientAuthentication(client_id=self.client_id, client_secret=self.client_secret)

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The API, if it is not the public one."""
        return () if self.api == API else (self.api,)

    def recognises(self, token: str) -> bool:
        """Say whether the token has the prefix of app tokens."""
        return token.startswith(_PREFIXES)

    def begin(self, context: LookupContext) -> LookupFunction:
        """Return the function that looks up one token."""
        url = f"{self.api}/applications/{quote(self.client_id, safe='')}/token"
        authorization = self.client.basic()

        async def ask_github(token: str) -> LookupResult:
            request = json_request(
                {"access_token": token}, authorization=authorization, accept=_ACCEPT
            )
            response = await ask(context.fetcher, url, request)
            # 422 is for a malformed token.
            if response.status in (404, 422):
                return None
            return _claims(read(response, "GitHub"))

        return ask_github


def _claims(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return GitHub's response in the words of RFC 7662.

    Nothing else of it: it repeats the token, and is ten times as long.
    """
    user, app = _object(body, "user"), _object(body, "app")
    if type(user.get("id")) is not int:
        raise MissingClaim("GitHub names no user")
    claims: dict[str, Any] = {
        # The number: a login can be released and taken by another user.
        "sub": str(user["id"]),
        "client_id": app.get("client_id"),
        "token_type": "Bearer",
        "scope": body.get("scopes") or [],
        "preferred_username": user.get("login"),
        "user_type": user.get("type"),
    }
    if body.get("expires_at") is not None:
        claims["exp"] = _seconds(body["expires_at"])
    return claims


def _seconds(body: object) -> int:
    """Return a time such as 2026-11-22T03:04:05Z in seconds since 1970."""
    try:
        when = datetime.fromisoformat(str(body))
    except ValueError:
        raise LookupUnavailable(f"GitHub says expires_at={str(body)[:50]!r}") from None
    # Without a zone, Python would read it in the zone of this machine.
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}
