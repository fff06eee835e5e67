"""
FastAPI applications with a Doorward server behind a guard: ``web.add_middleware(guard.protect)``.

Routes of the same application are given the caller by ``CurrentUser``, or, where the guard lets
every path through, checked one by one with ``signed_in``.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from doorward.downstream.refusals import DownstreamProblem
from doorward.errors import DoorwardError, HttpError, RequestRefused, Unavailable
from doorward.guard.guard import Guard
from doorward.guard.pipeline import GuardedRequest
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity, Kind, reset_current_identity, set_current_identity
from doorward.integrations.declared_rules import DeclaredPolicy, SingleNameDeclarations, requires
from doorward.integrations.error_reporting import log_route_error
from doorward.policy import Operation, Rule
from doorward.wire.error_response import BearerChallenge, error_object, error_response

# The key in an ASGI scope for the identity that a dependency verified, and its guard.
_VERIFIED_KEY = "doorward.verified"

__all__ = ["CurrentUser", "current_user", "signed_in"]


def current_user(request: Request) -> Identity:
    """
    Return the caller whom the guard let in.

    ```python
    web.add_middleware(guard.protect)

    @web.get("/me")
    def me(user: Annotated[Identity, Depends(current_user)]) -> str:
        return user.subject

    @web.get("/name")
    async def name(user: CurrentUser) -> str | None:
        return user.name
    ```

    Raises:
        HTTPException: 401, this path is not behind the guard.
    """
    caller: Identity | None = request.scope.get(IDENTITY_KEY)
    if caller is None:
        raise HTTPException(401, "This path is for callers who signed in.")
    return caller


async def _current_user(
    request: Request, user: Annotated[Identity, Depends(current_user)]
) -> AsyncIterator[Identity]:
    with _answer_errors(request):
        yield user


CurrentUser = Annotated[Identity, Depends(_current_user)]
"""A path operation's parameter that is its caller: ``async def mine(user: CurrentUser)``."""


def signed_in(
    guard: Guard,
    *,
    scopes: Collection[str] = (),
    roles: Collection[str] = (),
    kinds: Collection[Kind] = (),
) -> Callable[[Request], AsyncIterator[Identity]]:
    """
    Return a dependency that lets in who brings a token that ``guard`` accepts, and holds all this.

    ```python
    @web.get("/orders")
    async def orders(
        user: Annotated[Identity, Depends(signed_in(guard, scopes={"orders:read"}))],
    ) -> list[str]:
        return [f"an order of {user.subject}"]
    ```

    For routes beside the MCP endpoint. The guard's base rule holds too; refusals are the guard's
    own, with their challenge, and are written down by it. While the route runs it is as in a tool:
    ``current_identity()`` is the caller, and where the guard has a ``downstream``,
    ``user.token_for`` works and the ``Authorization`` header is gone. What stands between the route
    and the next server, and is not caught, is answered as what it is: 503 with ``Retry-After``,
    403, 502, or 401 with what the next sign-in must ask for. The same goes for ``CurrentUser``. A
    handler of the application's own, ``@web.exception_handler(DownstreamProblem)``, comes first.

    Raises:
        ConfigurationError: what ``requires`` refuses.
        HTTPException: from the dependency: 401, 403 or 503, as at the endpoint.

    Spec: RFC 6750 §3
    """
    rule = requires(scopes=scopes, roles=roles, kinds=kinds).rule
    # The base rule and this one: the operator has no rules for plain routes.
    policy = DeclaredPolicy(guard.policy, _OneRule(rule))

    async def validate_authorization_response(request: Request) -> AsyncIterator[Identity]:
        caller, token = await _authenticate_and_authorize(guard, policy, request)
        with _answer_errors(request), _tool_context(guard, caller, token, request):
            yield caller

    return validate_authorization_response


class _OneRule(SingleNameDeclarations):
    """One rule for every operation."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def rules_of(self, operation: Operation) -> Sequence[Rule]:  # noqa: ARG002
        """Return the rule."""
        return (self._rule,)

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        """Return nothing: the rule does not belong to an operation of the server."""
        return {}


async def _authenticate_and_authorize(
    guard: Guard, policy: DeclaredPolicy, request: Request
) -> tuple[Identity, bytes | None]:
    """Return the caller, and the token if it was verified here and not before."""
    # The path of the scope and never a URL put together from Host: "Host: a/?x=" moves that.
    operation = Operation("http", f"{request.method} {request.scope['path']}")
    guarded = GuardedRequest(request.scope, operation)
    guarded.identity = _already_verified(guard, request)
    try:
        caller = guarded.identity or await guard.pipeline.authenticate(guarded)
        guard.pipeline.authorize(guarded, policy)
        if guarded.limits:
            # A dependency does not see the end of the answer, so only the rate is counted.
            (await guard.pipeline.count(guarded))()
    except (RequestRefused, Unavailable) as refusal:
        pipeline = guard.pipeline
        pipeline.record_refusal(guarded, refusal, refusal.status)
        raise _as_exception(refusal, guarded.correlation_id, pipeline.challenge) from None
    guard.pipeline.record(guarded, "allowed", 200, served=True)
    return caller, guarded.token


def _already_verified(guard: Guard, request: Request) -> Identity | None:
    """Return the caller that this guard verified before for this request, if it has the token."""
    # Never the identity in the scope: another guard may have put it there, for another server, and
    # that guard may trust issuers that this one does not. The header is still there to be verified;
    # our own middleware removes it only where it keeps the token for downstream calls.
    by, caller = request.scope.get(_VERIFIED_KEY, (None, None))
    if by is guard:
        return cast(Identity, caller)
    if guard.downstream_tokens is None:
        return None
    from doorward.downstream.middleware import current_caller

    return current_caller(guard.downstream_tokens)


@contextmanager
def _tool_context(
    guard: Guard, caller: Identity, token: bytes | None, request: Request
) -> Iterator[None]:
    if token is None:
        # The dependency that verified the token did all of this.
        yield
        return
    request.scope[_VERIFIED_KEY] = (guard, caller)
    before = set_current_identity(caller)
    try:
        if guard.downstream_tokens is None:
            yield
            return
        from doorward.downstream.middleware import strip_authorization, use_caller_token

        request.scope["headers"] = strip_authorization(request.scope["headers"])
        # Starlette caches the headers in the request, and the route gets this same request.
        vars(request).pop("_headers", None)
        with use_caller_token(caller, token.decode("ascii"), guard.downstream_tokens):
            yield
    finally:
        reset_current_identity(before)


@contextmanager
def _answer_errors(request: Request) -> Iterator[None]:
    """Answer errors between the route and the next server, which would be a bare 500 otherwise."""
    try:
        yield
    except (DownstreamProblem, Unavailable) as problem:
        handlers = request.app.exception_handlers
        if any(
            kind in handlers for kind in type(problem).__mro__ if issubclass(kind, DoorwardError)
        ):
            raise
        correlation_id = log_route_error(problem, f"{request.method} {request.scope['path']}")
        raise _as_exception(problem, correlation_id) from None


def _as_exception(
    error: HttpError, correlation_id: str, challenge: BearerChallenge | None = None
) -> HTTPException:
    answer = error_response(error, correlation_id=correlation_id, challenge=challenge)
    headers = {"Cache-Control": "no-store", **answer.headers}
    return HTTPException(answer.status, error_object(error, correlation_id), headers)
