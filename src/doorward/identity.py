"""Who is calling: the one type that ``tokens`` makes and every room above shares."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from doorward.errors import ConfigurationError

Kind = Literal["person", "service", "key"]

# Where the guard leaves the verified identity in an ASGI scope, and where rooms that stand beside
# the guard as strangers may look for it.
SCOPE_KEY = "doorward.identity"


class Identity(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """
    A caller whose token was verified.

    ``subject`` is unique only together with ``issuer``; ``key`` is the pair, and the only thing to
    store a person under. ``expires_at`` is in seconds since 1970. The raw token is not here and
    cannot be had from here, so it cannot be passed on by accident.

    Spec: RFC 9068 §2.2; RFC 7519 §4.1
    """

    issuer: str
    subject: str
    client_id: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    expires_at: float
    kind: Kind = "person"
    name: str | None = None
    token_id: str | None = None
    # Never as a dict, which costs five times as much: ten thousand of these live in a cache.
    claims_json: bytes = b"{}"

    @property
    def key(self) -> tuple[str, str]:
        """The (issuer, subject) pair that names this caller for ever."""
        return (self.issuer, self.subject)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims, read-only, decoded on each call."""
        return MappingProxyType(msgspec.json.decode(self.claims_json, type=dict[str, Any]))

    def has_scope(self, scope: str) -> bool:
        """Say whether the token was granted exactly this scope."""
        return scope in self.scopes

    def has_role(self, role: str) -> bool:
        """Say whether the caller holds exactly this role."""
        return role in self.roles

    async def token_for(self, name: str, *, scopes: Collection[str] = ()) -> str:
        """
        Return an access token for the next server, got in the name of this caller.

        ``name`` is one of those that the guard was given as ``downstream``. The token is not the
        one that came in, and lives a moment longer at least. Works while the caller's request is
        served, and for nobody but its caller.

        ```python
        token = await user.token_for("graph", scopes={"User.Read"})
        headers = {"Authorization": f"Bearer {token}"}
        ```

        Raises:
            ConfigurationError: ``no-downstream``, ``unknown-downstream``.
            DownstreamRefused: the issuer said no; ``SignInNeeded`` when the user can change that.
            DownstreamUnavailable: the issuer cannot be asked.

        Spec: RFC 8693 §2; MCP 2026-07-28 authorization, "Access Token Privilege Restriction"
        """
        give = _giving.get()
        if give is None:
            raise ConfigurationError(
                "no-downstream",
                f"There is no guarded request in which a token for {name!r} could be got.",
                "Give the guard downstream={...}, and ask while the caller's request is served.",
            )
        wanted = frozenset([scopes] if isinstance(scopes, str) else scopes)
        return await give(self, name, wanted)


# What gets tokens in the caller's name: (caller, name, scopes) in, an access token out.
Giving = Callable[[Identity, str, frozenset[str]], Awaitable[str]]

_giving: ContextVar[Giving | None] = ContextVar("doorward_giving", default=None)
get_giving = _giving.get
set_giving = _giving.set
reset_giving = _giving.reset

_current: ContextVar[Identity | None] = ContextVar("doorward_identity", default=None)


def current_identity() -> Identity | None:
    """Return the caller of the request being served, or ``None`` outside a guarded request."""
    return _current.get()


set_current_identity = _current.set
reset_current_identity = _current.reset
