"""Everything this package raises on purpose.

DoorwardError
├── ConfigurationError        the operator must change something; raised at start-up
├── Unavailable               a part we depend on is down            503, never 401
│   └── KeysUnavailable       the issuer's keys cannot be had
└── RequestRefused            the peer must change something; maps to exactly one HTTP answer
    ├── BadRequest            400 invalid_request                    RFC 6750 §3.1
    │   └── AmbiguousToken    two credentials, or one in the query
    ├── MissingToken          401, no error code                     RFC 6750 §3.1
    ├── TokenRejected         401 invalid_token                      RFC 6750 §3.1
    │   ├── MalformedToken    not a compact JWS that one parser and another would read alike
    │   ├── WrongAlgorithm    an algorithm this issuer is not pinned to
    │   ├── WrongType         genuine, but not an access token
    │   ├── BoundToken        bound to a key, and sent as if it were a bearer token
    │   ├── UnknownIssuer     an issuer nobody here trusts
    │   ├── UnknownKey        no key of that issuer has this ``kid``
    │   ├── BadSignature
    │   ├── WrongAudience     genuine, and minted for somebody else
    │   ├── OutsideLifetime   expired, not yet valid, or living too long
    │   └── MissingClaim      a claim that RFC 9068 requires is absent or of the wrong type
    ├── ScopeMissing          403 insufficient_scope                 RFC 6750 §3.1
    ├── NotPermitted          403, no error code: no scope a client can ask for would help
    ├── OriginRefused         403                                    MCP 2026-07-28, transports
    └── HostRefused           421                                    RFC 9110 §15.5.20

Three audiences, three fields: ``code`` is stable and safe to branch on, ``public`` is the only
text a peer sees, ``detail`` goes to the log. A token or a secret is in none of them.
"""

from typing import ClassVar


class DoorwardError(Exception):
    """The root of everything this package raises on purpose."""

    code: ClassVar[str] = "doorward"


class ConfigurationError(DoorwardError):
    """
    The operator must change something before this process may start.

    ``reason`` is a stable kebab-case word, ``problem`` one sentence with what was got and what
    was expected, ``hint`` one sentence with what to change.
    """

    code = "configuration"

    def __init__(self, reason: str, problem: str, hint: str) -> None:
        super().__init__(f"{problem} {hint}")
        self.reason = reason
        self.problem = problem
        self.hint = hint


class Unavailable(DoorwardError):
    """
    A part this process depends on is down; the peer did nothing wrong and may try again.

    ``retry_after`` is in seconds, and so is ``hold``: for how long this process does not ask there
    again. ``silent`` says that there was no answer at all.
    """

    code = "unavailable"
    status: ClassVar[int] = 503
    public: ClassVar[str] = "A service that this server depends on is unavailable. Try again soon."

    def __init__(
        self, detail: str, *, retry_after: int = 5, hold: int = 0, silent: bool = False
    ) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail
        self.retry_after = retry_after
        self.hold = hold
        self.silent = silent


class KeysUnavailable(Unavailable):
    """The issuer's keys cannot be had, so no verdict on the token is possible."""

    code = "keys-unavailable"
    public = "The token could not be checked: its issuer's keys are unavailable. Try again soon."


class RequestRefused(DoorwardError):
    """A request this process will not serve, and the one HTTP answer it gets."""

    code = "request-refused"
    status: ClassVar[int] = 400
    wire_error: ClassVar[str | None] = None
    public: ClassVar[str] = "The request was refused."

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail

    @property
    def description(self) -> str:
        """The sentence a peer may read."""
        return self.public


class BadRequest(RequestRefused):
    """The request cannot be read in exactly one way."""

    code = "bad-request"
    wire_error = "invalid_request"
    public = "The request is malformed."


class AmbiguousToken(BadRequest):
    """More than one credential came, or one came where tokens may not travel."""

    code = "ambiguous-token"
    public = "Send exactly one access token, in the Authorization header."


class MissingToken(RequestRefused):
    """No credentials came, so the challenge names no error."""

    code = "missing-token"
    status = 401
    public = "This server needs an access token."


class TokenRejected(RequestRefused):
    """A token came and is not acceptable here."""

    code = "token-rejected"
    status = 401
    wire_error = "invalid_token"
    public = "The access token is not acceptable here."


class MalformedToken(TokenRejected):
    """The token is not a compact JWS that every strict parser reads alike."""

    code = "malformed-token"
    public = "The access token is malformed."


class WrongAlgorithm(TokenRejected):
    """The token's algorithm is not one that its issuer is pinned to."""

    code = "wrong-algorithm"
    public = "The access token is signed in a way that is not accepted here."


class WrongType(TokenRejected):
    """The token is genuine and is not an access token."""

    code = "wrong-type"
    public = "This is not an access token."


class BoundToken(TokenRejected):
    """
    The token is bound to a key of its client, and came without proof of that key.

    Accepted as a bearer token, a stolen one would work: the theft that binding it was meant to stop.
    """

    code = "bound-token"
    public = "This access token is bound to a key and cannot be used as a bearer token."


class UnknownIssuer(TokenRejected):
    """The token comes from an issuer that nobody here trusts."""

    code = "unknown-issuer"
    public = "The access token comes from an issuer that is not trusted here."


class UnknownKey(TokenRejected):
    """The issuer is trusted, and none of its keys is the one that the token names."""

    code = "unknown-key"
    public = "The access token is signed with a key that its issuer does not publish."


class BadSignature(TokenRejected):
    """The signature is not that of the key it names."""

    code = "bad-signature"
    public = "The access token's signature is wrong."


class WrongAudience(TokenRejected):
    """The token is genuine and was minted for somebody else."""

    code = "wrong-audience"
    public = "The access token was issued for another server."


class OutsideLifetime(TokenRejected):
    """The token is over, has not begun, or would live longer than this server allows."""

    code = "outside-lifetime"
    public = "The access token has expired or is not valid at this time."


class MissingClaim(TokenRejected):
    """A claim that must be there is absent or of the wrong type."""

    code = "missing-claim"
    public = "The access token lacks a claim that this server needs."


class ScopeMissing(RequestRefused):
    """The token is good and does not reach far enough; ``scopes`` is all the operation needs."""

    code = "scope-missing"
    status = 403
    wire_error = "insufficient_scope"
    public = "The access token lacks a scope that this operation needs."

    def __init__(self, detail: str, scopes: frozenset[str]) -> None:
        super().__init__(detail)
        self.scopes = scopes

    @property
    def description(self) -> str:
        """The sentence a peer may read: it names every scope that the operation needs."""
        return f"This operation needs the scopes: {' '.join(sorted(self.scopes))}."


class NotPermitted(RequestRefused):
    """
    The token reaches far enough and the caller still may not.

    The challenge carries no ``error``: told ``insufficient_scope``, a client would sign in again
    for scopes that change nothing.
    """

    code = "not-permitted"
    status = 403
    public = "Your account may not perform this operation."


class OriginRefused(RequestRefused):
    """The Origin header names a web origin that is not listed; the answer names the setting."""

    code = "origin-refused"
    status = 403
    public = (
        "Requests from this web origin are not accepted. "
        "The operator of the server can list it in the setting allowed_origins."
    )


class HostRefused(RequestRefused):
    """The Host header names a host that is not listed; the answer names the setting that lists it."""

    code = "host-refused"
    status = 421
    public = (
        "This server does not answer to that host name. "
        "Its operator can list more names in the setting allowed_hosts."
    )
