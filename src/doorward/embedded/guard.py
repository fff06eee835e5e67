"""A guard that signs people in: one line for a server, its sign-in and its tokens."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from doorward.authserver import Allow, AuthServerSettings, IdentityProvider, Resource
from doorward.downstream.grants import DownstreamGrant
from doorward.downstream.provider_token import InProcessToken
from doorward.embedded.authorization_server import EmbeddedAuthorizationServer
from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.guard.scopes import scopes_of
from doorward.operations.story.attempts import Attempts
from doorward.policy import Policy
from doorward.private_file import create_private_folder
from doorward.wire.address import origin_of, require_resource


@dataclass(frozen=True)
class OwnUsers:
    """
    The server's own users sign in, with passwords; ``doorward users add`` adds them.

    ```python
    guard = GuardWithSignIn(
        OwnUsers(),
        public_url="http://localhost:8000/mcp",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    ```
    """


SignIn = str | IdentityProvider | OwnUsers


class GuardWithSignIn(Guard):
    """
    A guard, and an authorization server for it in the same process.

    ```python
    guard = GuardWithSignIn(
        "google",
        client_id="1234.apps.googleusercontent.com",
        client_secret=os.environ["GOOGLE_CLIENT_SECRET"],
        public_url="https://mcp.example.com/mcp",
        allow=Allow(domains={"example.com"}),
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    app = guard.protect(server.in_front_of(FastAPI()))
    ```

    ``sign_in`` is a kind of identity provider from ``doorward idp table``, the issuer of any OpenID
    provider, an ``IdentityProvider``, ``OwnUsers()``, or a list of these. ``provider_issuer`` is for
    a kind that does not fix its issuer. ``public_url`` is the URL of the MCP endpoint, as clients type
    it. The authorization server is at its origin, or at ``issuer``. The callback URL to register at
    the provider is ``<issuer>/callback/<kind>``.

    ``service_name`` is what pages call the server; the default is the host of ``public_url``.
    ``scopes`` describes scopes on the consent page. Those of the policy and of the server's tools are
    added. Users, grants and keys are kept in the folder ``data``, or in the database ``database_url``
    with a ``secret_file``. With ``public_health``, the issuer also has ``/healthz`` and ``/readyz`` for probes;
    ``authorization_server.server.operations`` has the same for another port. Other arguments are those of ``Guard``.

    In a tool, ``await identity.token_for("google")`` gives the caller's own token at that provider.

    Raises:
        ConfigurationError: it names the problem and the setting to change.
    """

    def __init__(
        self,
        sign_in: SignIn | Sequence[SignIn],
        *,
        public_url: str,
        policy: Policy,
        client_id: str | None = None,
        client_secret: str | None = None,
        provider_issuer: str | None = None,
        allow: Allow | tuple[Allow, ...] = (),
        scopes: Mapping[str, str] | None = None,
        issuer: str | None = None,
        data: Path | str = "doorward-data",
        database_url: str | None = None,
        secret_file: Path | None = None,
        service_name: str | None = None,
        public_health: bool = False,
        downstream: Mapping[str, DownstreamGrant | InProcessToken] | None = None,
        authserver_options: Mapping[str, Any] | None = None,
        attempts: Attempts | bool = True,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        listed = [sign_in] if isinstance(sign_in, SignIn) else list(sign_in)
        shared = {
            "client_id": client_id,
            "client_secret": client_secret,
            "issuer": provider_issuer,
            "allow": allow,
        }
        require_resource(public_url)
        name = service_name or urlsplit(public_url).netloc
        # One for both, so that a story has the hops of either.
        kept = (Attempts(clock) if attempts else None) if isinstance(attempts, bool) else attempts
        described = {name: name for name in sorted(scopes_of(policy))} | dict(scopes or {})
        folder = None if database_url else _data_folder(Path(data))
        self.authorization_server = EmbeddedAuthorizationServer(
            AuthServerSettings(
                issuer=issuer or origin_of(public_url),
                resources=(Resource(uri=public_url, scopes=described, name=name),),
                service_name=name,
                database_url=database_url or f"sqlite+aiosqlite:///{folder}/doorward.db",
                secret_file=secret_file or (folder / "secret" if folder else None),
                identity_providers=tuple(
                    _provider(one, shared) for one in listed if not isinstance(one, OwnUsers)
                ),
                public_health=public_health,
                own_users=any(isinstance(one, OwnUsers) for one in listed),
            ),
            self._all_scopes,
            clock=clock,
            attempts=kept,
            **(authserver_options or {}),
        )
        super().__init__(
            attempts=kept or False,
            resource=public_url,
            policy=policy,
            issuers=[self.authorization_server.trusted_issuer()],
            companion=self.authorization_server,
            # A name that the author gives wins over a provider's.
            downstream={**self.authorization_server.provider_tokens(), **(downstream or {})},
            resource_name=name,
            clock=clock,
            **options,
        )

    def _all_scopes(self) -> frozenset[str]:
        # After the adapters: they have added what the tools' authors declared.
        return scopes_of(self.policy, *self.adapted)


def _provider(sign_in: str | IdentityProvider, shared: Mapping[str, Any]) -> IdentityProvider:
    if isinstance(sign_in, IdentityProvider):
        return sign_in
    if shared["client_id"] is None:
        raise ConfigurationError(
            "provider-client",
            f"client_id is not set for the identity provider {sign_in!r}.",
            "Register an application at the provider, and copy its client_id and client_secret.",
        )
    if "://" in sign_in:
        return IdentityProvider(**{**shared, "issuer": sign_in})
    return IdentityProvider(kind=sign_in, **shared)


def _data_folder(folder: Path) -> Path:
    try:
        create_private_folder(folder)
    except OSError as error:
        raise ConfigurationError(
            "data-folder",
            f"The folder {folder} cannot be created ({error.strerror}).",
            "Set data to a folder that this account can write, or set database_url.",
        ) from None
    return folder.resolve()
