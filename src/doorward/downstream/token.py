"""An access token for a downstream server."""

from typing import Self


class DownstreamToken(str):
    """
    An access token for a header, protected from logs.

    ```python
    token = DownstreamToken("secret", scopes=None, expires_at=time.time() + 600)
    assert f"Bearer {token}" == "Bearer secret"
    assert "secret" not in repr(token)
    ```

    ``str`` and f-strings give the token; ``repr``, which tracebacks and loggers use, does not.
    ``scopes`` are the granted scopes, ``expires_at`` is in seconds since 1970; both are ``None`` if
    the issuer did not send them.
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
