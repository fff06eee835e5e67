"""Middleware after the guard: keeps the caller's token from the application."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from doorward.downstream.refusals import NoSubjectToken
from doorward.downstream.tokens import DownstreamTokens
from doorward.identity import SCOPE_KEY, Identity, get_giving, reset_giving, set_giving
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


class _CallerToken:
    """
    The caller's token in one request.

    Code can exchange it but not read it: it has no representation, and cannot be pickled.
    """

    __slots__ = ("_downstream", "_identity", "_token")

    def __init__(self, identity: Identity, token: str, downstream: DownstreamTokens) -> None:
        self._identity = identity
        self._token = token
        self._downstream = downstream

    def __repr__(self) -> str:
        return "<the token of this request>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a caller's token stays in its request")

    async def __call__(self, identity: Identity, name: str, scopes: frozenset[str]) -> str:
        # An identity kept from another request must not use this caller's token or cache entry.
        if identity != self._identity:
            raise NoSubjectToken(name, "the identity is not the caller of this request")
        return await self._downstream.token_for(identity, self._token, name, scopes)

    def current_caller(self, downstream: DownstreamTokens) -> Identity | None:
        """Return the caller, if ``downstream`` exchanges its token."""
        return self._identity if downstream is self._downstream else None


@contextmanager
def use_caller_token(
    identity: Identity, token: str, downstream: DownstreamTokens
) -> Iterator[None]:
    """Enable ``identity.token_for`` during the block, with ``token`` to exchange."""
    before = set_giving(_CallerToken(identity, token, downstream))
    try:
        yield
    finally:
        reset_giving(before)


def current_caller(downstream: DownstreamTokens) -> Identity | None:
    """Return the caller of the current request, if ``downstream`` exchanges its token."""
    giving = get_giving()
    return giving.current_caller(downstream) if isinstance(giving, _CallerToken) else None


def strip_authorization(headers: Headers) -> Headers:
    """Return the headers without ``Authorization``: an application cannot forward what is missing."""
    return [pair for pair in headers if pair[0] != b"authorization"]


class DownstreamMiddleware:
    """
    Wraps ``app`` so that ``identity.token_for`` works in it.

    Removes the ``Authorization`` header, so that an application that forwards all headers does not
    forward the token.

    Spec: MCP 2026-07-28 security best practices, "Token Passthrough"
    """

    def __init__(self, app: ASGIApp, downstream: DownstreamTokens) -> None:
        self._app = app
        self._downstream = downstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope that the guard admitted."""
        identity = scope.get(SCOPE_KEY)
        if identity is None:
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        # The guard has checked that there is exactly one, with a bearer token.
        header = next(value for name, value in headers if name == b"authorization")
        token = header.strip().partition(b" ")[2].strip().decode("ascii")
        with use_caller_token(identity, token, self._downstream):
            await self._app({**scope, "headers": strip_authorization(headers)}, receive, send)
