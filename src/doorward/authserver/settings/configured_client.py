"""A client that the operator registers in the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.authserver.client_auth_methods import AUTH_METHODS, AuthMethodName, find_auth_method
from doorward.authserver.client_keys import problem_with_keys
from doorward.errors import ConfigurationError
from doorward.wire.oauth.client_metadata import looks_like_url
from doorward.wire.oauth.redirect_uri import problem_with

SHORTEST_SECRET = 32
# Of the IDs that registration issues.
REGISTERED_PREFIX = "dw-"


@dataclass(frozen=True, kw_only=True)
class ConfiguredClient:
    """
    A client that the operator registers in the settings.

    ```python
    ConfiguredClient(
        client_id="claude",
        name="Claude",
        redirect_uris=("https://claude.ai/api/mcp/auth_callback",),
    )
    ```

    ``introspects`` makes it a resource server that may introspect tokens for that resource.
    ``provider_tokens`` are the identity providers at which it may get its callers' own tokens. With
    ``auth_method="private_key_jwt"``, ``jwks`` has its public keys, or ``jwks_uri`` their URL.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    name: str | None = None
    auth_method: AuthMethodName = "none"
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    introspects: str | None = None
    provider_tokens: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None


def require_client(client: ConfiguredClient, private_schemes: frozenset[str]) -> None:
    """
    Refuse a client of the operator's that could not sign anybody in.

    Raises:
        ConfigurationError: it names the problem and the setting to change.
    """
    client_id, secret = client.client_id, client.secret
    # A URL would be looked up as a client ID document, and the prefix is of registered clients.
    taken = looks_like_url(client_id) or client_id.startswith(REGISTERED_PREFIX)
    if not 0 < len(client_id) <= 200 or not client_id.isprintable() or taken:
        raise ConfigurationError(
            "not-a-client-id",
            f"{client_id[:200]!r} cannot be the id of a client.",
            f"Use 1 to 200 printable characters, no URL and nothing that begins with {REGISTERED_PREFIX}.",
        )
    method = find_auth_method(client.auth_method)
    if method is None:
        raise ConfigurationError(
            "client-auth-method",
            f"Client {client_id!r} has the unknown auth_method {client.auth_method!r}.",
            f"Use one of {', '.join(known.name for known in AUTH_METHODS)}.",
        )
    _keys(client, needed=method.needs == "keys")
    if (method.needs == "secret") == (secret is None):
        raise ConfigurationError(
            "client-secret",
            f"Client {client_id!r} has auth_method {client.auth_method} and "
            f"{'no secret' if secret is None else 'a secret'}.",
            "Set a secret if auth_method begins with client_secret, and none otherwise.",
        )
    if secret is not None and len(secret) < SHORTEST_SECRET:
        raise ConfigurationError(
            "weak-client-secret",
            f"The secret of client {client_id!r} has {len(secret)} characters.",
            f"Use at least {SHORTEST_SECRET} random characters: openssl rand -base64 32.",
        )
    for uri in client.redirect_uris:
        if problem := problem_with(uri, private_schemes=private_schemes):
            raise ConfigurationError(
                "not-a-redirect-uri",
                f"The redirect URI {uri!r} of client {client_id!r} {problem}.",
                "Use https, http on loopback, or a private-use scheme listed in private_schemes.",
            )


def _keys(client: ConfiguredClient, *, needed: bool) -> None:
    named = [value for value in (client.jwks, client.jwks_uri) if value is not None]
    problem = None
    if len(named) != needed:
        problem = f"{len(named)} of jwks and jwks_uri"
    elif client.jwks is not None:
        problem = problem_with_keys(client.jwks)
    elif client.jwks_uri is not None and not client.jwks_uri.startswith("https://"):
        problem = "a jwks_uri that is not https"
    if problem is not None:
        raise ConfigurationError(
            "client-keys",
            f"Client {client.client_id!r} has auth_method {client.auth_method} and {problem}.",
            "Set jwks or jwks_uri if auth_method is private_key_jwt, and neither otherwise.",
        )
