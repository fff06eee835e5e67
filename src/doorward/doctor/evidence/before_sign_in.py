"""Views of the hops that need no sign-in: edge, CORS, keys, registration, authorization."""

from dataclasses import dataclass
from typing import Literal

from doorward.doctor.evidence.exchange import Exchange

Place = Literal["endpoint", "resource metadata", "issuer metadata", "token endpoint"]


@dataclass(frozen=True, kw_only=True)
class EdgeTry:
    """
    One request with the user agent of ``clients``.

    ``own`` is the answer to the same request with the doctor's user agent, ``again`` the answer to
    that one afterwards: if both differ, the server is not steady, and nothing follows.
    """

    clients: tuple[str, ...]
    user_agent: str
    place: Place
    exchange: Exchange
    own: Exchange
    again: Exchange | None = None


@dataclass(frozen=True, kw_only=True)
class CorsView:
    """
    What a browser at ``origin`` gets: a preflight, the refusal itself, and the metadata.
    """

    origin: str
    preflight: Exchange
    refusal: Exchange
    metadata: Exchange | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedKey:
    """One key of the issuer's set; ``is_private`` if the set shows its secret part."""

    kid: str
    kty: str
    alg: str
    use: str
    is_private: bool = False


@dataclass(frozen=True, kw_only=True)
class KeysView:
    """The issuer's keys; ``problem`` says why there are none."""

    url: str
    exchange: Exchange
    keys: tuple[PublishedKey, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RegistrationView:
    """
    The ways to a client id.

    ``refused`` are answers to requests that no server can register: they show whether unknown
    clients are heard at all. ``documents`` is whether client ID metadata documents are
    supported. ``registered`` is a real registration, made for a sign-in that the user asked for.
    """

    endpoint: str | None
    refused: tuple[Exchange, ...] = ()
    documents: bool = False
    auth_methods: tuple[str, ...] | None = None
    registered: Exchange | None = None

    @property
    def last(self) -> Exchange | None:
        """The last answer to an invalid registration."""
        return self.refused[-1] if self.refused else None


Outcome = Literal["continues", "error page", "error redirect", "absent", "fails"]


@dataclass(frozen=True, kw_only=True)
class AuthorizeTry:
    """
    One authorization request without a session.

    ``who`` is ``unknown``, ``given``, ``registered`` or the name of a client whose metadata document
    was the client id. ``text`` is the error page without markup, or the error's description.
    """

    who: str
    exchange: Exchange
    outcome: Outcome
    error: str = ""
    text: str = ""
    redirect_uri: str = ""
    scope: str = ""
    resource: str = ""


@dataclass(frozen=True, kw_only=True)
class AuthorizeView:
    """
    All authorization requests without a session.

    ``token_endpoint`` is the answer of the token endpoint to a code that nobody issued.
    """

    endpoint: str
    tries: tuple[AuthorizeTry, ...]
    token_endpoint: Exchange | None = None

    def of(self, *who: str) -> AuthorizeTry | None:
        """Return the first request of one of ``who``."""
        return next((one for one in self.tries if one.who in who), None)
