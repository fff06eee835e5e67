"""The authorization server that a guard carries with it."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from doorward.authserver import AuthorizationServer, AuthServerSettings, Resource
from doorward.authserver.provider_tokens.in_process import in_process_tokens
from doorward.authserver.store.rows.revoked_tokens import revocations_of
from doorward.downstream.provider_token import InProcessToken
from doorward.errors import DoorwardError
from doorward.jose.public_key import Key
from doorward.tokens import LocalKeys, TrustedIssuer
from doorward.wire.asgi import Receive, Scope, Send

_PROBE_TIMEOUT = 2.0


class EmbeddedAuthorizationServer:
    """
    An authorization server that starts with its guard, or with the first request.

    ```python
    guard = GuardWithSignIn(
        OwnUsers(),
        public_url="http://localhost:8000/mcp",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    embedded: EmbeddedAuthorizationServer = guard.authorization_server
    assert embedded.serves("/authorize")
    ```

    ``scopes`` are read at the start: an adapter adds the scopes that the server's author declared
    after the guard was made. A scope without a description is shown by its name. ``options`` go to
    ``AuthorizationServer``.
    """

    def __init__(
        self,
        settings: AuthServerSettings,
        scopes: Callable[[], Iterable[str]],
        **options: Any,
    ) -> None:
        self._settings = settings
        self._scopes = scopes
        self._options = options
        self._server: AuthorizationServer | None = None
        self._starting = asyncio.Lock()
        self._started = False
        self._checking: asyncio.Task[None] | None = None

    @property
    def server(self) -> AuthorizationServer:
        """The authorization server, with its users and its keys."""
        if self._server is None:
            self._server = AuthorizationServer(self._complete(), **self._options)
        return self._server

    def serves(self, path: str) -> bool:
        """Return whether ``path`` is an endpoint or a page of the authorization server."""
        return self.server.serves(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; probes also get an answer if the server cannot start."""
        if scope["path"] not in self.server.operations.health.paths:
            await self.start()
        elif scope["path"].endswith("/readyz"):
            # A mounted guard starts with its first request, and none comes before it is ready.
            with suppress(DoorwardError, TimeoutError):
                async with asyncio.timeout(_PROBE_TIMEOUT):
                    await self.start()
        await self.server.app(scope, receive, send)

    async def start(self) -> None:
        """
        Migrate the database and load the keys, once.

        Raises:
            ConfigurationError: a setting must be changed.
            StoreUnavailable: the database cannot be reached.
        """
        if self._started:
            return
        # A mounted guard has no lifespan, so the first requests start it, at the same time.
        async with self._starting:
            if not self._started:
                await self.server.start()
                self._started = True
                self._checking = asyncio.create_task(self.server.check_providers())

    async def aclose(self) -> None:
        """Close the database."""
        if self._checking is not None:
            self._checking.cancel()
        if self._server is not None:
            server, self._server, self._started = self._server, None, False
            await server.aclose()

    def trusted_issuer(self) -> TrustedIssuer:
        """Return this server as the issuer that its guard trusts."""
        clock = self._options["clock"]
        return TrustedIssuer(
            issuer=self._settings.issuer,
            audience=self._settings.resources[0].uri,
            algorithms=(self._settings.signing_algorithm,),
            keys=_KeysOnceStarted(self, clock=clock),
            revocations=revocations_of(self._revoked, self._settings.database_url, clock),
        )

    def provider_tokens(self) -> dict[str, InProcessToken]:
        """Return what gives tools their callers' tokens, by identity provider."""
        return in_process_tokens(
            self._settings,
            self._settings.resources[0].uri,
            lambda: self.server.services.provider_tokens,
        )

    def jwks(self) -> Mapping[str, Any]:
        """Return the public keys; none before the start."""
        return self.server.jwks() if self._started else {"keys": []}

    async def _revoked(self) -> Collection[str]:
        await self.start()
        return await self.server.revoked()

    def _complete(self) -> AuthServerSettings:
        resource = self._settings.resources[0]
        described = {name: resource.scopes.get(name, name) for name in sorted(self._scopes())}
        complete = Resource(
            uri=resource.uri, name=resource.name, scopes={**resource.scopes, **described}
        )
        return replace(self._settings, resources=(complete,))


class _KeysOnceStarted(LocalKeys):
    """The keys of a server that may start with the request that brings the first token."""

    def __init__(self, server: EmbeddedAuthorizationServer, *, clock: Callable[[], float]) -> None:
        super().__init__(server.jwks, clock=clock)
        self._server = server

    async def key(self, kid: str | None, algorithm: str) -> Key:
        await self._server.start()
        return await super().key(kid, algorithm)
