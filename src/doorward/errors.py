"""
Everything this package raises on purpose.

DoorwardError
├── ConfigurationError        the operator must change something; raised at start-up
└── HttpError                 becomes exactly one HTTP answer
    ├── Unavailable           a part we depend on is down            503, never 401
    │   └── KeysUnavailable   the issuer's keys cannot be fetched
    └── RequestRefused        the client must change something
        ├── BadRequest            400 invalid_request                RFC 6750 §3.1
        │   └── AmbiguousToken    two credentials, or one in the query
        ├── MissingToken          401, no error code                 RFC 6750 §3.1
        ├── TokenRejected         401 invalid_token                  RFC 6750 §3.1
        │   ├── MalformedToken    not a compact JWS that every strict parser reads alike
        │   ├── WrongAlgorithm    an algorithm that is not allowed for this issuer
        │   ├── WrongType         genuine, but not an access token
        │   ├── BoundToken        bound to a key, and sent as a bearer token
        │   ├── UnknownIssuer     an issuer that this server does not trust
        │   ├── UnknownKey        the issuer has no key with this ``kid``
        │   ├── BadSignature
        │   ├── WrongAudience     genuine, and issued for another server
        │   ├── OutsideLifetime   expired, not yet valid, or valid for too long
        │   └── MissingClaim      a claim that RFC 9068 requires is absent or of the wrong type
        ├── ScopeMissing          403 insufficient_scope             RFC 6750 §3.1
        ├── NotPermitted          403, no error code: no scope that a client can request would help
        ├── OriginRefused         403                                MCP 2026-07-28, transports
        ├── SessionRefused        404                                MCP 2025-11-25, transports
        ├── BodyTooLarge          413                                RFC 9110 §15.5.14
        ├── MediaTypeRefused      415                                RFC 9110 §15.5.16
        └── HostRefused           421                                RFC 9110 §15.5.20

Each part has its reader: programs branch on ``code``, which is stable and unique. The peer reads
``description`` and nothing else. ``detail`` goes to the log, and ``hint`` to the page of reason
codes. None of them holds a token or a secret.
"""

from collections.abc import Mapping
from typing import ClassVar


class DoorwardError(Exception):
    """
    The root of everything this package raises on purpose.

    ```python
    try:
        Guard(resource="mcp.example", issuer="https://login.example", policy=Policy())
    except DoorwardError as error:
        print(error.code, error)
    ```
    """

    code: ClassVar[str] = "doorward"


class ConfigurationError(DoorwardError):
    """
    The operator must change something before this process may start.

    ```python
    try:
        Guard(
            resource="http://mcp.example/mcp", issuer="https://login.example", policy=Policy()
        )
    except ConfigurationError as error:
        assert error.reason == "insecure-resource"
        print(error.problem, error.hint)
    ```

    ``reason`` is a stable kebab-case word. ``problem`` is one sentence with what was found and
    what was expected, ``hint`` one sentence with what to change.
    """

    code = "configuration"

    def __init__(self, reason: str, problem: str, hint: str) -> None:
        super().__init__(f"{problem} {hint}")
        self.reason = reason
        self.problem = problem
        self.hint = hint


class HttpError(DoorwardError):
    """
    An error with exactly one HTTP answer, which ``wire.error_response`` makes of it.

    ```python
    def log_line(error: HttpError) -> dict[str, str | int]:
        return {"status": error.status, "code": error.code, "detail": error.detail}

    assert log_line(MissingToken("no Authorization header"))["status"] == 401
    ```

    ``public`` is the sentence for the peer, and ``description`` a more helpful one for this case.
    ``wire_error`` is the OAuth error code, where an RFC gives one.
    """

    status: int = 500
    wire_error: ClassVar[str | None] = None
    public: ClassVar[str] = ""
    # What to do about it: a sentence for the page of reason codes.
    hint: ClassVar[str] = ""

    def __init__(self, detail: str, *, description: str | None = None) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail
        self._description = description

    @property
    def description(self) -> str:
        """The sentence that the peer may read. It never repeats a value of the request."""
        return self._description or self.public

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that the answer needs because of this error, such as ``Allow``."""
        return {}


class Unavailable(HttpError):
    """
    A part that this process depends on is down; the client did nothing wrong and may try again.

    ```python
    OUTAGE = {Unavailable.code, KeysUnavailable.code}

    def audit(event: AuditEvent) -> None:
        if event.reason in OUTAGE:
            print("call the operator:", event.detail)
    ```

    ``retry_after`` and ``hold`` are in seconds. During ``hold``, this process does not ask that
    part again. ``silent`` says that there was no answer at all.
    """

    code = "unavailable"
    status = 503
    public = "A service that this server depends on is unavailable. Try again soon."
    hint = "Try again after Retry-After. If it stays, look for the correlation id in the log."

    def __init__(
        self, detail: str, *, retry_after: int = 5, hold: int = 0, silent: bool = False
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.hold = hold
        self.silent = silent

    @property
    def headers(self) -> Mapping[str, str]:
        """``Retry-After``, in seconds."""
        return {"Retry-After": str(self.retry_after)}


class KeysUnavailable(Unavailable):
    """The issuer's keys cannot be fetched, so the token can be neither accepted nor refused."""

    code = "keys-unavailable"
    public = "The token could not be checked: its issuer's keys are unavailable. Try again soon."
    hint = "Check that this server can reach the issuer's metadata and its jwks_uri."


class RequestRefused(HttpError):
    """
    The request is refused; the client must change something before it sends it again.

    ```python
    OF_SETTINGS = {HostRefused.code: "allowed_hosts", OriginRefused.code: "allowed_origins"}
    OF_USERS = {MissingToken.code, ScopeMissing.code, NotPermitted.code}
    OF_CLIENTS = {
        kind.code
        for kind in (
            RequestRefused, BadRequest, AmbiguousToken, SessionRefused, BodyTooLarge, MediaTypeRefused,
        )
    }

    def audit(event: AuditEvent) -> None:
        if event.reason in OF_SETTINGS:
            print("compare", OF_SETTINGS[event.reason], "with", event.detail)
    ```
    """

    code = "request-refused"
    status = 400
    public = "The request was refused."


class BadRequest(RequestRefused):
    """The request cannot be read in exactly one way."""

    code = "bad-request"
    wire_error = "invalid_request"
    public = "The request is malformed."
    hint = "Send each header once, and Content-Length as a number. The log names the header."


class AmbiguousToken(BadRequest):
    """Two credentials came, or one came where tokens may not travel."""

    code = "ambiguous-token"
    public = "Send exactly one access token, in the Authorization header."
    hint = "Send one Authorization header, and no access_token in the query."


class MissingToken(RequestRefused):
    """
    No credentials came, so the challenge names no error.

    ``scopes`` is all that the operation needs, if it is known: one sign-in is then enough.
    """

    code = "missing-token"
    status = 401
    public = "This server needs an access token."
    hint = "Sign in: the challenge in WWW-Authenticate names the metadata to start from."

    def __init__(self, detail: str, scopes: frozenset[str] = frozenset()) -> None:
        super().__init__(detail)
        self.scopes = scopes


class TokenRejected(RequestRefused):
    """
    The access token is not acceptable here.

    ```python
    issuer = TrustedIssuer(
        issuer=mint.issuer, audience="https://mcp.example/mcp", keys=LocalKeys(mint.jwks)
    )
    verifier = Verifier([issuer])
    refused = {
        MalformedToken: "not a token",
        WrongAlgorithm: mint.mint(headers={"alg": "HS256"}),
        WrongType: mint.mint(headers={"typ": "JWT"}),
        BoundToken: mint.mint(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        UnknownIssuer: mint.mint(iss="https://other.example"),
        UnknownKey: mint.mint(headers={"kid": "another"}),
        BadSignature: mint.mint()[:-8] + "AAAAAAAA",
        WrongAudience: mint.mint(audience="https://other.example/mcp"),
        OutsideLifetime: mint.mint(exp=0),
        MissingClaim: mint.mint(sub=ABSENT),
    }
    for kind, token in refused.items():
        with pytest.raises(kind) as refusal:
            await verifier.verify(token.encode())
        assert isinstance(refusal.value, TokenRejected)
    ```
    """

    code = "token-rejected"
    status = 401
    wire_error = "invalid_token"
    public = "The access token is not acceptable here."
    hint = "Get a new token for this server. The log says which condition failed."


class MalformedToken(TokenRejected):
    """The token is not a compact JWS that every strict parser reads alike."""

    code = "malformed-token"
    public = "The access token is malformed."
    hint = "Send the access token as it was issued, and not the ID token or a quoted copy."


class WrongAlgorithm(TokenRejected):
    """The token is signed with an algorithm that is not allowed for its issuer."""

    code = "wrong-algorithm"
    public = "The access token is signed in a way that is not accepted here."
    hint = "List the issuer's algorithm in algorithms, if the issuer is meant to use it."


class WrongType(TokenRejected):
    """The token is genuine, but it is not an access token."""

    code = "wrong-type"
    public = "This is not an access token."
    hint = "Send the access token. If it was one, set idp to the provider that issues such tokens."


class BoundToken(TokenRejected):
    """
    The token is bound to a key of its client, and came without proof of that key.

    Accepted as a bearer token, a stolen one would work: the theft that binding it was meant to stop.
    """

    code = "bound-token"
    public = "This access token is bound to a key and cannot be used as a bearer token."
    hint = "Turn off DPoP or certificate binding for this client at the identity provider."


class UnknownIssuer(TokenRejected):
    """The token comes from an issuer that this server does not trust."""

    code = "unknown-issuer"
    public = "The access token comes from an issuer that is not trusted here."
    hint = "Compare iss in the token with the guard's issuer; they must be equal byte for byte."


class UnknownKey(TokenRejected):
    """The issuer is trusted, but it publishes no key with the id that the token names."""

    code = "unknown-key"
    public = "The access token is signed with a key that its issuer does not publish."
    hint = "Get a new token. If it stays, compare kid in the token with the issuer's jwks_uri."


class BadSignature(TokenRejected):
    """The signature does not fit the key that the token names."""

    code = "bad-signature"
    public = "The access token's signature is wrong."
    hint = "Get a new token; this one was changed or cut off after it was signed."


class WrongAudience(TokenRejected):
    """The token is genuine and was issued for another server."""

    code = "wrong-audience"
    public = "The access token was issued for another server."
    hint = "Request the token for this server's resource, or set audience to what its tokens name."


class OutsideLifetime(TokenRejected):
    """The token has expired, is not yet valid, or is valid for longer than this server allows."""

    code = "outside-lifetime"
    public = "The access token has expired or is not valid at this time."
    hint = "Refresh the token. If it is new, compare the clocks of issuer and server."


class MissingClaim(TokenRejected):
    """A claim that this server needs is absent or of the wrong type."""

    code = "missing-claim"
    public = "The access token lacks a claim that this server needs."
    hint = "Add the claim that the log names at the provider, or set idp to that provider."


class ScopeMissing(RequestRefused):
    """
    The token is good but lacks a scope; ``scopes`` is all that the operation needs.
    ``doorward call`` names it after the error on the wire: ``insufficient-scope``.
    """

    code = "scope-missing"
    status = 403
    wire_error = "insufficient_scope"
    public = "The access token lacks a scope that this operation needs."
    hint = "Sign in again and request the scopes that the challenge names."

    def __init__(self, detail: str, scopes: frozenset[str]) -> None:
        super().__init__(
            detail, description=f"This operation needs the scopes: {' '.join(sorted(scopes))}."
        )
        self.scopes = scopes


class NotPermitted(RequestRefused):
    """
    The token has every scope, and the caller still may not do this.

    The challenge carries no ``error``: told ``insufficient_scope``, a client would sign in again
    for scopes that change nothing.
    """

    code = "not-permitted"
    status = 403
    public = "Your account may not perform this operation."
    hint = "Give the account a role that the rule names; `doorward why` shows which one."


class OriginRefused(RequestRefused):
    """The Origin header names a web origin that is not on the list."""

    code = "origin-refused"
    status = 403
    public = (
        "Requests from this web origin are not accepted. "
        "The operator of the server can list it in the setting allowed_origins."
    )
    hint = "Add the origin to allowed_origins, if its pages may call this server."


class SessionRefused(RequestRefused):
    """
    The session has ended, or belongs to another caller; both get the same answer.

    Spec: MCP 2025-11-25 basic/transports §Session Management
    """

    code = "session-refused"
    status = 404
    public = "There is no such session. Begin a new one."
    hint = "Send a new initialize request without Mcp-Session-Id."


class BodyTooLarge(RequestRefused):
    """The body is longer than this server reads; nothing of it was parsed."""

    code = "body-too-large"
    status = 413
    public = "The request body is larger than this server accepts."
    hint = "Send less, or raise max_body."


class MediaTypeRefused(RequestRefused):
    """
    The body is not declared as plain UTF-8 JSON.

    A form on another site can post such a body, and two readers could read it differently.
    """

    code = "media-type-refused"
    status = 415
    public = "Send the message as application/json in UTF-8, without Content-Encoding."
    hint = "Set Content-Type: application/json, and send the body uncompressed."


class HostRefused(RequestRefused):
    """The Host header names a host that is not on the list."""

    code = "host-refused"
    status = 421
    public = (
        "This server does not answer to that host name. "
        "Its operator can list more names in the setting allowed_hosts."
    )
    hint = "Set public_url or issuer to the URL that clients use, or add the host to allowed_hosts."
