"""What an upstream server learns of the caller and of this gateway, in headers that only it writes."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from doorward.downstream.refusals import AccountNotConnected
from doorward.errors import ConfigurationError
from doorward.gateway.headers import Header, is_forwarded, require_header_name
from doorward.identity import Identity

ASSERTION_TYPE = "doorward-caller+jwt"
"""The ``typ`` of the JWT that names a caller. It is no access token, and no guard takes it for one."""

_ASSERTION_SECONDS = 60
# Printable ASCII without the percent sign, which escapes everything else.
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_MEMBERS: Mapping[str, Callable[[Identity], str | None]] = {
    "subject": lambda caller: caller.subject,
    "issuer": lambda caller: caller.issuer,
    "client_id": lambda caller: caller.client_id,
    "scopes": lambda caller: " ".join(sorted(caller.scopes)),
    "roles": lambda caller: " ".join(sorted(caller.roles)),
    "kind": lambda caller: caller.kind,
    "name": lambda caller: caller.name,
    "email": lambda caller: _verified_email(caller.claims),
}
SUBJECT_AND_ISSUER: Mapping[str, str] = MappingProxyType(
    {"subject": "X-Doorward-Subject", "issuer": "X-Doorward-Issuer"}
)


@dataclass(frozen=True, kw_only=True)
class UpstreamIdentity:
    """
    Names the caller, and proves that a request comes from this gateway.

    ``caller_headers`` maps members of the identity to headers: ``subject``, ``issuer``,
    ``client_id``, ``scopes``, ``roles``, ``kind``, ``name`` and ``email``, which is verified.
    Characters other than printable ASCII, and the percent sign, are percent-encoded.
    ``assertion_header`` carries a JWT that ``sign`` signs for ``audience``, for 60 seconds.
    ``secret`` is the upstream server's own. ``token_for`` is a name in ``Guard(downstream=...)``, whose
    token of the caller is sent; ``refused`` is called if the server does not take it. Both go into
    ``secret_header``; in ``Authorization`` they are bearer tokens.

    Raises:
        ConfigurationError: ``not-a-header``, ``caller-header``, ``caller-member``,
            ``two-upstream-credentials``.
    """

    caller_headers: Mapping[str, str] = field(default_factory=lambda: SUBJECT_AND_ISSUER)
    assertion_header: str | None = None
    sign: Callable[[Mapping[str, Any]], str] | None = field(default=None, repr=False)
    audience: str = ""
    secret: str | None = field(default=None, repr=False)
    token_for: str | None = None
    refused: Callable[[Identity], Awaitable[AccountNotConnected]] | None = field(
        default=None, repr=False
    )
    secret_header: str = "Authorization"  # noqa: S105 - the name of a header

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.caller_headers) - set(_MEMBERS)):
            raise ConfigurationError(
                "caller-member",
                f"caller_headers has {unknown[0]!r}, and no caller has that.",
                f"Use {', '.join(_MEMBERS)}.",
            )
        if self.secret is not None and self.token_for is not None:
            raise ConfigurationError(
                "two-upstream-credentials",
                "The upstream server has both a secret and token_for.",
                "Keep the one that it accepts.",
            )
        names = [require_header_name(name) for name in self.names]
        for name in names:
            taken = is_forwarded(name) and name != b"authorization"
            if taken or names.count(name) > 1:
                raise ConfigurationError(
                    "caller-header",
                    f"{name.decode()!r} cannot name the caller: callers send it, or it is set twice.",
                    "Use a name of its own, such as X-User.",
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that this gateway writes, whatever callers send."""
        more = [] if self.assertion_header is None else [self.assertion_header]
        if self.secret is not None or self.token_for is not None:
            more.append(self.secret_header)
        return (*self.caller_headers.values(), *more)

    async def headers(self, caller: Identity, now: float) -> list[Header]:
        """
        Return the headers of a request of this caller.

        Raises:
            DownstreamRefused: there is no token of the caller;
                ``AccountNotConnected`` if they can change that.
            DownstreamUnavailable: 503, the issuer does not answer.
        """
        found = [
            (name.lower().encode(), quote(value, safe=_PLAIN).encode())
            for member, name in self.caller_headers.items()
            if (value := _MEMBERS[member](caller)) is not None
        ]
        if self.assertion_header is not None and self.sign is not None:
            assertion = self.sign(self._claims(caller, now))
            found.append((self.assertion_header.lower().encode(), assertion.encode("ascii")))
        secret = self.secret
        if self.token_for is not None:
            secret = await caller.token_for(self.token_for)
        return found if secret is None else [*found, self._credential(secret)]

    def secret_headers(self) -> dict[str, str]:
        """Return the header that carries ``secret``, which is the same for every caller."""
        name, value = self._credential(self.secret or "")
        return {name.decode(): value.decode()}

    def _credential(self, secret: str) -> Header:
        bearer = self.secret_header.lower() == "authorization"
        return self.secret_header.lower().encode(), f"{'Bearer ' * bearer}{secret}".encode()

    def _claims(self, caller: Identity, now: float) -> dict[str, Any]:
        """Return the claims of the assertion, without ``iss``. Spec: RFC 7519 §4.1."""
        claims: dict[str, Any] = {
            "aud": self.audience,
            "sub": caller.subject,
            "sub_issuer": caller.issuer,
            "kind": caller.kind,
            "client_id": caller.client_id,
            "scope": " ".join(sorted(caller.scopes)),
            "roles": sorted(caller.roles),
            "name": caller.name,
            "iat": int(now),
            "exp": int(now) + _ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return {name: value for name, value in claims.items() if value is not None}


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") is True else None
