"""An access token for the next server."""

from typing import Self


class DownstreamToken(str):
    """
    An access token: a text for headers, and not for logs.

    Put into a text it is the token; its representation, which tracebacks and loggers show, is not.
    ``scopes`` is what the issuer says was granted, or ``None``; ``expires_at`` is in seconds since
    1970, or ``None`` when the issuer did not say.
    """

    __slots__ = ("expires_at", "scopes")

    scopes: frozenset[str] | None
    expires_at: float | None

    def __new__(
        cls, value: str, *, scopes: frozenset[str] | None, expires_at: float | None
    ) -> Self:
        token = super().__new__(cls, value)
        token.scopes = scopes
        token.expires_at = expires_at
        return token

    def __repr__(self) -> str:
        return f"DownstreamToken(scopes={self.scopes!r}, expires_at={self.expires_at!r})"
