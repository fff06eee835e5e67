"""An identity provider in this process, in place of the one that a guard trusts."""

import secrets
from collections.abc import Callable, Collection, Mapping
from time import time
from typing import Any, Self

from doorward.authserver import AuthorizationServer, AuthServerSettings, Limits, Resource
from doorward.authserver.events import ServerEvent
from doorward.errors import ConfigurationError
from doorward.guard import AuditEvent, Guard
from doorward.guard.scopes import scopes_of
from doorward.testing.in_process.documents import ClientDocuments
from doorward.testing.in_process.network import Site
from doorward.testing.mint import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from doorward.wire.address import origin_of

USERS = ("alice", "bob")
"""Who can sign in at a ``LocalProvider`` by default; both may grant every scope."""


class LocalProvider:
    """
    Doorward's authorization server in this process, in place of the provider that ``guard`` trusts.

    ```python
    provider = LocalProvider(guard, users={"alice": {"mcp:read"}})
    async with ServerUnderTest(app, provider) as running:
        answer = await running.answer_to(None)
    assert answer.status_code == 401
    assert provider.decisions[-1].reason == "missing-token"
    ```

    It has the name of the guard's first issuer, and as long as it runs, the guard trusts it alone.
    So a test needs no network and no tenant. ``users`` are the names of those who can sign in, with
    their scopes; a name without scopes may grant all of the guard's. ``registration`` ``"closed"``
    offers no dynamic registration, ``documents`` ``False`` no client ID metadata documents. ``decisions``
    are what the guard decided, and ``events`` what the provider did.

    Does not copy the token format of your provider: tokens are RFC 9068 access tokens.

    Raises:
        ConfigurationError: with reason ``no-issuers``: the guard trusts no issuer of its own.
    """

    def __init__(
        self,
        guard: Guard,
        users: Collection[str] | Mapping[str, Collection[str]] = USERS,
        *,
        documents: bool = True,
        clock: Callable[[], float] = time,
        **settings: Any,
    ) -> None:
        if not guard.issuers:
            raise ConfigurationError(
                "no-issuers",
                f"The guard of {guard.resource!r} trusts no issuer that could be replaced.",
                "Give the guard an issuer; API keys are tested without a provider.",
            )
        self.issuer = guard.issuers[0].issuer
        self.resource = guard.resource
        self._guard = guard
        self._before = guard.pipeline.verifier, guard.pipeline.audit_sink
        self._users: dict[str, Collection[str]] = (
            dict(users) if isinstance(users, Mapping) else dict.fromkeys(users, ())
        )
        self._passwords = {name: secrets.token_urlsafe(12) for name in self._users}
        self._documents, self._settings, self._clock = documents, settings, clock
        self.mint = TokenMint(self.issuer, guard.resource, clock=clock)
        self.events: list[ServerEvent] = []
        self.decisions: list[AuditEvent] = []
        self._server: AuthorizationServer | None = None

    @property
    def site(self) -> Site:
        """Where the provider answers: at the paths of its issuer."""
        assert self._server is not None
        return Site(origin_of(self.issuer), self._server.app, self._server.serves)

    def password(self, username: str) -> str:
        """Return the password of a user. Raises: KeyError."""
        return self._passwords[username]

    async def __aenter__(self) -> Self:
        trusted = TrustedIssuer(
            issuer=self.issuer,
            audience=self.resource,
            algorithms=("ES256",),
            keys=LocalKeys(self._keys, clock=self._clock),
        )
        self._guard.pipeline.verifier = Verifier([trusted], clock=self._clock)
        self._guard.pipeline.audit_sink = self.decisions.append
        return self

    async def start(self) -> None:
        """Start the authorization server; called once the application has declared its scopes."""
        scopes = scopes_of(self._guard.policy, *self._guard.adapted)
        server = self._server = AuthorizationServer(
            AuthServerSettings(
                issuer=self.issuer,
                resources=(Resource(uri=self.resource, scopes={one: one for one in scopes}),),
                client_documents=self._documents,
                # All clients of a test come from one address.
                **{"limits": Limits(registrations_per_address="10000/hour"), **self._settings},
            ),
            clock=self._clock,
            fetcher=ClientDocuments(),
            audit=self.events.append,
        )
        await server.start()
        for name, granted in self._users.items():
            await server.users.add(name, self._passwords[name], scopes=granted or scopes)

    def _keys(self) -> Mapping[str, Any]:
        signed_in = [] if self._server is None else self._server.jwks()["keys"]
        return {"keys": [*signed_in, *self.mint.jwks()["keys"]]}

    async def __aexit__(self, *_error: object) -> None:
        self._guard.pipeline.verifier, self._guard.pipeline.audit_sink = self._before
        if self._server is not None:
            server, self._server = self._server, None
            await server.aclose()
