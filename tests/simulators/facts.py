"""What is known of one provider, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

Scopes = Literal["error page", "invalid_scope", "invalid_client", "ignored"]
Refresh = Literal["never", "same", "new", "rotates"]
Leg = Literal["authorize", "code", "refresh"]

OPENID_SCOPES = ("openid", "profile", "email")
JANE: Mapping[str, Mapping[str, Any]] = {
    "openid": {"sub": "248289761001"},
    "profile": {"name": "Jane Doe", "preferred_username": "jane"},
    "email": {"email": "jane@example.com", "email_verified": True},
}
"""What OpenID Connect Core 1.0 §5.4 says about Jane, by the scope that a client has to request."""


@dataclass(frozen=True)
class Refusal:
    """An error response of a provider: status and JSON body."""

    status: int
    body: Mapping[str, Any]


def oauth_error(error: str, description: str = "", *, status: int = 400, **more: Any) -> Refusal:
    """Return an error as RFC 6749 §5.2 says, with the provider's own status and members."""
    told = {"error_description": description} if description else {}
    return Refusal(status, {"error": error, **told, **more})


INVALID_GRANT = oauth_error("invalid_grant")
INVALID_CLIENT = oauth_error("invalid_client", status=401)


@dataclass
class Grant:
    """What one person allowed at one sign-in; ``number`` counts the tokens that came of it."""

    request: dict[str, str]
    scopes: tuple[str, ...]
    refreshes: bool
    number: int = 0
    live: bool = True


Api = Callable[[Grant], Any]
Change = Callable[[Grant, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SimulatedProvider:
    """
    What one provider does at each leg of a sign-in.

    ``kind`` is the preset that it tests, and ``name`` distinguishes several simulators of one kind.
    ``source`` says where the facts were read; ``assumed`` are those that no source states.

    ``metadata`` has the members of its metadata document, of which ``documents`` are the URLs; for
    plain OAuth it names the endpoints all the same, and ``documents`` is empty. ``settings`` are what
    an operator has to set beside the issuer.

    ``scopes`` are those that it knows, and ``unknown_scopes`` says what it does about others.
    ``required`` and ``refused`` are parameters by leg; a refused one has the answer that it causes.

    ``claims`` are those of the user by scope, and ``in_id_token`` the scopes whose claims are in the
    ID token; the userinfo endpoint has all of them. ``refresh`` is how refresh tokens are renewed:
    never, by the same token, by a new one beside the old one, or by one that replaces it.
    ``refresh_needs`` is what an authorization request must have for one: a scope or a parameter.

    ``apis`` are further URLs, by what computes the answer. ``change_tokens``, ``change_claims`` and
    ``change_answer`` are quirks that data cannot express, by a function with a name.
    """

    kind: str
    issuer: str
    metadata: Mapping[str, Any]
    source: str
    name: str = ""
    assumed: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    openid: bool = True
    scopes: frozenset[str] = frozenset(OPENID_SCOPES)
    unknown_scopes: Scopes = "ignored"
    required: Mapping[Leg, frozenset[str]] = field(default_factory=dict)
    refused: Mapping[Leg, Mapping[str, Refusal]] = field(default_factory=dict)
    client_auth: frozenset[str] = frozenset({"client_secret_basic", "client_secret_post"})
    pkce: bool = True
    sends_iss: bool = False
    answer: Mapping[str, str] = field(default_factory=dict)
    algorithm: Literal["RS256", "ES256", "ES384"] = "RS256"
    claims: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: JANE)
    in_id_token: frozenset[str] = frozenset(OPENID_SCOPES)
    at_hash: bool = False
    nonce: bool = True
    access_token: str = "opaque-{n}"
    token_type: str = "Bearer"
    life: int | None = 3600
    refresh: Refresh = "new"
    refresh_needs: str | None = "offline_access"
    id_token_at_refresh: bool = True
    scope_separator: str = " "
    dead_code: Refusal = INVALID_GRANT
    dead_refresh_token: Refusal = INVALID_GRANT
    wrong_client: Refusal = INVALID_CLIENT
    apis: Mapping[str, Api] = field(default_factory=dict)
    change_tokens: Change | None = None
    change_claims: Change | None = None
    change_answer: Callable[[Refusal], Refusal] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.kind)

    @property
    def origins(self) -> frozenset[str]:
        """The origins of all its URLs."""
        urls = [self.issuer, *self.documents, *self.apis]
        urls += [one for one in self.metadata.values() if isinstance(one, str) and "://" in one]
        return frozenset(origin_of(url) for url in urls)

    def at(self, base: str) -> "SimulatedProvider":
        """Return this provider as an installation whose URLs all begin with ``base``."""

        def moved(value: Any) -> Any:
            if not isinstance(value, str) or "://" not in value:
                return value
            return base + value[len(origin_of(value)) :]

        return replace(
            self,
            issuer=moved(self.issuer),
            metadata={name: moved(value) for name, value in self.metadata.items()},
            documents=tuple(map(moved, self.documents)),
            settings={name: moved(value) for name, value in self.settings.items()},
            apis={moved(url): api for url, api in self.apis.items()},
        )


def origin_of(url: str) -> str:
    """Return scheme, host and port of ``url``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
