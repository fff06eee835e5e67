"""All evidence of one run: one optional view per hop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.doctor.evidence.before_sign_in import (
    AuthorizeView,
    CorsView,
    EdgeTry,
    KeysView,
    RegistrationView,
)
from doorward.doctor.evidence.exchange import Exchange, Failure
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.evidence.signed_in import (
    CallsView,
    ExpiryView,
    RefreshView,
    SignInView,
    StepUpView,
    TokenContents,
    TokenView,
)


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The addresses of the target's host."""

    host: str
    addresses: tuple[str, ...] = ()
    not_public: tuple[str, ...] = ()
    is_literal: bool = False
    failure: Failure | None = None

    @property
    def is_internal(self) -> bool:
        """Whether no address is public: the operator means an internal server."""
        return bool(self.addresses) and len(self.not_public) == len(self.addresses)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """
    The MCP endpoint without a token.

    ``initialize`` and ``modern`` are requests of 2025-11-25 and 2026-07-28 to the given URL,
    ``other_form`` the first one with or without the slash at the end, ``other_paths`` at usual
    paths of the host, tried only if there is no MCP endpoint at the given URL. ``get`` opens a
    stream. ``bad_token`` has a token that nobody issued, ``empty_token`` none behind ``Bearer``.
    """

    get: Exchange
    initialize: Exchange
    modern: Exchange
    other_form: Exchange | None = None
    other_paths: tuple[Exchange, ...] = ()
    bad_token: Exchange | None = None
    empty_token: Exchange | None = None

    @property
    def first_refusal(self) -> Exchange | None:
        """The first answer that asks for a token."""
        tries = (self.initialize, self.modern)
        return next((one for one in tries if one.status == 401), None)

    @property
    def is_open(self) -> bool:
        """Whether the endpoint gives results without a token."""
        tries = (self.initialize, self.modern)
        return any(speaks_mcp(one) and "result" in (one.document or {}) for one in tries)


def speaks_mcp(exchange: Exchange) -> bool:
    """Return whether the answer is a result of JSON-RPC, or an error other than a refusal."""
    said = exchange.document or {}
    if exchange.status is None or said.get("jsonrpc") != "2.0":
        return False
    return "result" in said or (exchange.status in (200, 400, 404) and "error" in said)


@dataclass(frozen=True, kw_only=True)
class ChallengeView:
    """
    The ``WWW-Authenticate`` header of the first refusal.

    ``problem`` says why it cannot be read. ``schemes`` are all schemes, ``bearer`` the parameters
    of Bearer, ``None`` without Bearer.
    """

    header: str | None
    schemes: tuple[str, ...] = ()
    bearer: Mapping[str, str] | None = None
    problem: str = ""

    @property
    def metadata_url(self) -> str | None:
        """The URL of the resource metadata, if the challenge names one."""
        return (self.bearer or {}).get("resource_metadata")

    @property
    def scope(self) -> str | None:
        """The scopes that the challenge asks for."""
        return (self.bearer or {}).get("scope")


@dataclass(frozen=True, kw_only=True)
class DocumentTry:
    """
    One place of a metadata document.

    ``form`` is ``challenge``, ``path``, ``root`` or ``suffix`` for resource metadata, and the name
    of the well-known form for an issuer. ``problem`` says why there is no ``document``.
    ``for_clients`` tells whether clients look there.
    """

    form: str
    url: str
    exchange: Exchange
    document: Mapping[str, Any] | None = None
    problem: str = ""
    for_clients: bool = True


@dataclass(frozen=True, kw_only=True)
class ResourceMetadataView:
    """
    The resource metadata in all places; ``used`` is the one that a client uses.

    ``used`` is the place in the challenge if there is one: a client must not fall back from it.
    ``accepted`` are the resource identifiers that a client accepts there.
    """

    tries: tuple[DocumentTry, ...]
    used: DocumentTry | None
    accepted: tuple[str, ...]

    @property
    def document(self) -> Mapping[str, Any]:
        """The document that a client uses, or an empty one."""
        return (self.used and self.used.document) or {}

    @property
    def resource(self) -> str | None:
        """The resource that the document names, if it is a string."""
        named = self.document.get("resource")
        return named if isinstance(named, str) else None

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers that the document names."""
        named = self.document.get("authorization_servers")
        return (
            tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()
        )


@dataclass(frozen=True, kw_only=True)
class IssuerView:
    """
    One issuer and its metadata in all forms.

    ``refused`` is the reason why a client must not contact it. ``is_fallback`` is true if no
    metadata names it: clients of 2025-03-26 take the server's own origin. ``named`` is the issuer
    that the document names, if that is another one. ``refused_endpoints`` are names of endpoints
    that a client must not contact, each with the reason.
    """

    issuer: str
    tries: tuple[DocumentTry, ...] = ()
    refused: str = ""
    is_fallback: bool = False
    named: "IssuerView | None" = None
    refused_endpoints: tuple[tuple[str, str], ...] = ()

    @property
    def used(self) -> DocumentTry | None:
        """The first document in the order of clients that names the issuer, else the first one."""
        found = [one for one in self.tries if one.document is not None and one.for_clients]
        right = (one for one in found if (one.document or {}).get("issuer") == self.issuer)
        return next(right, found[0] if found else None)

    @property
    def document(self) -> Mapping[str, Any]:
        """The document that a client uses, or an empty one."""
        return (self.used and self.used.document) or {}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    Everything that one run saw; a view is ``None`` if its hop was not reached.

    ``saw`` is what a client or its log said, in the user's words. ``sign_in_kind``,
    ``is_patient`` and ``has_chosen_scope`` are what the user asked the doctor to do. ``exchanges`` are all requests in
    the order in which they were sent. ``inside`` is what the operator's own process makes, if it was
    given.
    """

    target: str
    persona: str = ""
    saw: tuple[str, ...] = ()
    is_local: bool = False
    sign_in_kind: str = "none"
    is_patient: bool = False
    has_chosen_scope: bool = False
    exchanges: tuple[Exchange, ...] = ()
    resolution: Resolution | None = None
    connection: Exchange | None = None
    endpoint: Endpoint | None = None
    challenge: ChallengeView | None = None
    resource_metadata: ResourceMetadataView | None = None
    issuers: tuple[IssuerView, ...] | None = None
    edge: tuple[EdgeTry, ...] | None = None
    cors: CorsView | None = None
    keys: KeysView | None = None
    registration: RegistrationView | None = None
    authorize: AuthorizeView | None = None
    sign_in: SignInView | None = None
    token: TokenView | None = None
    contents: TokenContents | None = None
    calls: CallsView | None = None
    step_up: StepUpView | None = None
    refresh: RefreshView | None = None
    expiry: ExpiryView | None = None
    inside: InsideView | None = None
    parties: frozenset[str] = field(default_factory=frozenset)
    spent: str = ""

    @property
    def issuer(self) -> IssuerView | None:
        """The issuer that a client uses: the first."""
        return self.issuers[0] if self.issuers else None
