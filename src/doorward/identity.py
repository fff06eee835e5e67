"""Who is calling: the one type that ``tokens`` makes and every room above shares."""

import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from doorward.errors import ConfigurationError

Kind = Literal["person", "service", "key"]

# Where the guard leaves the verified identity in an ASGI scope, and where rooms that stand beside
# the guard as strangers may look for it.
SCOPE_KEY = "doorward.identity"


class Packed(msgspec.Struct, frozen=True, gc=False):
    """Claims as JSON, without what they have in common with ``pattern``, other claims as JSON."""

    content: bytes
    pattern: bytes

    def __repr__(self) -> str:
        # The pattern is what another caller's token said, and must not stand in a log beside this
        # one's name.
        return f"Packed({self.json!r})"

    @property
    def json(self) -> bytes:
        """The claims as they were."""
        return zlib.decompressobj(_WINDOW, self.pattern).decompress(self.content)


# A window of 2 kB and the least memory: claims are short, and ten thousand are packed in a row.
_WINDOW, _LEVEL, _MEMORY = -11, 2, 2


class Packer:
    """
    Makes claims shorter by what they have in common with ``pattern``.

    Tokens of one issuer differ in a few places: packed, 360 bytes are 100.
    """

    def __init__(self, pattern: bytes) -> None:
        self.pattern = pattern
        # To copy one that has read the pattern is quicker than to have another one read it.
        self._ready = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, pattern
        )

    def pack(self, claims_json: bytes) -> Packed:
        """Return the claims packed; whoever has them can unpack them."""
        packer = self._ready.copy()
        return Packed(packer.compress(claims_json) + packer.flush(), self.pattern)


class Identity(msgspec.Struct, frozen=True, gc=False, kw_only=True, eq=False):
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
    claims_kept: bytes | Packed = b"{}"

    # By what is known, and not by how it is kept: of one token the claims may be packed or not.
    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Identity):
            return self is other
        return _told(self) == _told(other)

    def __hash__(self) -> int:
        return hash((self.issuer, self.subject, self.token_id))

    @property
    def key(self) -> tuple[str, str]:
        """The (issuer, subject) pair that names this caller for ever."""
        return (self.issuer, self.subject)

    @property
    def claims_json(self) -> bytes:
        """The verified claims as JSON, unpacked on each call."""
        kept = self.claims_kept
        return kept.json if isinstance(kept, Packed) else kept

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


_told = attrgetter(
    *(name for name in Identity.__struct_fields__ if name != "claims_kept"), "claims_json"
)

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
