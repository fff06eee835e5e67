"""The verified caller of a request."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from doorward.errors import ConfigurationError

__all__ = ["SCOPE_KEY", "Identity", "Kind", "current_identity"]

Kind = Literal["person", "service", "key"]
"""Who a caller is: a person, a service that acts for itself, or the holder of an API key."""

SCOPE_KEY = "doorward.identity"
"""The key of the verified ``Identity`` in an ASGI scope. The guard sets it before it calls the application."""


class Identity(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """
    A caller whose token was verified.

    ```python
    @server.tool(scopes={"orders:read"})
    async def my_orders(user: Identity) -> list[str]:
        \"\"\"List the orders of the caller.\"\"\"
        kind: Kind = user.kind
        if kind == "service" or user.has_role("manager"):
            return ["all orders"]
        return [f"an order of {user.name or user.subject}"]
    ```

    ``subject`` is unique only together with ``issuer``. Store a person under ``key``, the pair of both.
    ``expires_at`` is in seconds since 1970. The raw token is not an attribute, so that it cannot be
    passed on by accident.

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
    # Not a dict, which takes five times the memory: a cache holds ten thousand identities.
    claims_json: bytes = b"{}"

    @property
    def key(self) -> tuple[str, str]:
        """The (issuer, subject) pair, which identifies this caller permanently."""
        return (self.issuer, self.subject)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims, read-only, decoded on each call."""
        return MappingProxyType(msgspec.json.decode(self.claims_json, type=dict[str, Any]))

    def has_scope(self, scope: str) -> bool:
        """Return whether the token was granted exactly this scope."""
        return scope in self.scopes

    def has_role(self, role: str) -> bool:
        """Return whether the caller has exactly this role."""
        return role in self.roles

    async def token_for(self, name: str, *, scopes: Collection[str] = ()) -> str:
        """
        Return an access token for the next server, issued for this caller.

        ``name`` is one of the guard's ``downstream`` servers. The token is never the one that came in.
        This works for its own caller alone, in the request and in the asyncio tasks that the request
        started. A job of another request or process has no caller, and a saved identity gives it none.

        ```python
        @server.tool(scopes={"mail:read"})
        async def my_mail(user: Identity) -> str:
            \"\"\"Read the caller's mail.\"\"\"
            token = await user.token_for("graph", scopes={"Mail.Read"})
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(headers=headers) as http:
                return (await http.get("https://graph.microsoft.com/v1.0/me/messages")).text
        ```

        Raises:
            ConfigurationError: ``no-downstream``, ``unknown-downstream``.
            DownstreamRefused: the issuer refused; ``SignInNeeded`` if the user can change that.
            DownstreamUnavailable: the issuer does not answer.

        Spec: RFC 8693 §2; MCP 2026-07-28 authorization, "Access Token Privilege Restriction"
        """
        give = _giving.get()
        if give is None:
            raise ConfigurationError(
                "no-downstream",
                f"A token for {name!r} was requested outside a guarded request.",
                "Give the guard downstream={...}, and call this while the caller's request is served.",
            )
        wanted = frozenset([scopes] if isinstance(scopes, str) else scopes)
        return await give(self, name, wanted)


# Gets a downstream token: (caller, name, scopes) -> access token.
Giving = Callable[[Identity, str, frozenset[str]], Awaitable[str]]

_giving: ContextVar[Giving | None] = ContextVar("doorward_giving", default=None)
get_giving = _giving.get
set_giving = _giving.set
reset_giving = _giving.reset

_current: ContextVar[Identity | None] = ContextVar("doorward_identity", default=None)


def current_identity() -> Identity | None:
    """
    Return the caller of the request being served, or ``None`` outside a guarded request.

    ```python
    caller = current_identity()
    print("nobody" if caller is None else caller.subject)

    async def caller_of(request: Request) -> Identity | None:
        return request.scope.get(SCOPE_KEY)  # the same, from the ASGI scope
    ```
    """
    return _current.get()


set_current_identity = _current.set
reset_current_identity = _current.reset


# Issuer, subject and client; ``None`` where no guard names the caller.
Principal = tuple[str, str, str | None] | None


def principal_of(identity: Identity | None) -> Principal:
    """
    Return the principal of this caller.

    The client is part of it: two programs of one user do not share their sessions and tasks.
    """
    return None if identity is None else (identity.issuer, identity.subject, identity.client_id)


def holds_all_of(identity: Identity | None, before: Identity | None) -> bool:
    """
    Say whether this caller has the kind, and every scope and role, that ``before`` had.

    A later token of the same principal can be weaker than the one that began something.
    """
    if identity is None or before is None:
        return identity is before
    return (
        identity.kind == before.kind
        and identity.scopes >= before.scopes
        and identity.roles >= before.roles
    )
