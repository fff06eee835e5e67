"""An authorization request that passed every check."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest:
    """
    An authorization request that passed every check.

    ``resource`` is the configured URI, and ``scopes`` are scopes of that resource. ``state`` is
    opaque. ``nonce`` is that of an OpenID sign-in, and ``subject`` the only user who may answer; ``None``
    for everybody. Only ``checks.read_request`` and the store create one.

    Spec: RFC 6749 §4.1.1; RFC 7636 §4.3; RFC 8707 §2.1; OpenID Connect Core 1.0 §3.1.2.1
    """

    client_id: str
    redirect_uri: str
    state: str | None
    resource: str
    scopes: tuple[str, ...]
    challenge: str
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    nonce: str | None = None
    subject: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "AuthorizationRequest":
        """Return the request that ``to_json`` wrote."""
        lists = {name: tuple(document[name]) for name in ("scopes", "prompts")}
        return cls(**{**document, **lists})
