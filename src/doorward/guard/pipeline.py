"""The steps of every guarded request: authenticate, authorize, and write the audit event."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING

from doorward.correlation_id import new_correlation_id
from doorward.errors import MissingToken, NotPermitted, RequestRefused, ScopeMissing, Unavailable
from doorward.guard.arguments import decide_message
from doorward.guard.audit import events as audit
from doorward.guard.http.bearer import read_bearer, require_token
from doorward.guard.http.request_headers import RequestHeaders, read_headers
from doorward.guard.http.responses import Response, refusal_answer, tool_error_answer
from doorward.guard.refusal_forms import RefusalForms
from doorward.guard.refusals import ArgumentRefused, KindNotAllowed, UnknownName
from doorward.guard.scopes import needs_of
from doorward.identity import Identity
from doorward.policy import Decision, Operation, Policy
from doorward.policy.call_limits import RuleLimit
from doorward.wire.asgi import Scope
from doorward.wire.error_response import BearerChallenge
from doorward.wire.jsonrpc.envelope import NAMED, Envelope
from doorward.wire.jsonrpc.protocol_refusal import UnknownMethod

if TYPE_CHECKING:
    from doorward.guard.call_limits import CallLimits, Release, SharedCounters
    from doorward.tokens import TokenVerifier


_HIDEABLE = frozenset({*NAMED, "completion/complete"})


class GuardedRequest:
    """
    One HTTP request, and what the pipeline has found out about it.

    ``operation`` is what the policy decides on; ``None`` until the message is read.
    """

    # Class attributes: setting each on the instance would cost every request.
    token: bytes | None = None
    identity: Identity | None = None
    envelope: Envelope | None = None
    # Set after the origin was checked: only then may its pages read the answer.
    origin: bytes | None = None
    # All scopes that the operation needs.
    scopes: frozenset[str] = frozenset()
    # Whether it is served without a token: there is none, and the policy has something public.
    is_stranger: bool = False
    # Whether its session was opened without a token, by the same client.
    in_adopted_session: bool = False
    # Whether its token was not among the verified ones.
    is_first_call: bool = False
    # The true reason, where the answer hides that the operation exists.
    hidden_reason: str | None = None
    # The limits of the rules that allowed the operation.
    limits: tuple[RuleLimit, ...] = ()
    # Called when the answer has ended, if the request was counted.
    release: "Release | None" = None

    def __init__(self, scope: Scope, operation: Operation | None = None) -> None:
        self.scope = scope
        self.headers: RequestHeaders = read_headers(scope["headers"])
        self.http_method: str = scope["method"]
        self.operation = operation
        self.correlation_id = new_correlation_id()


# Raises a refusal unless the request proves that its sender has the key that the token is bound to.
ProofCheck = Callable[[GuardedRequest, bytes], Awaitable[None]]


class Pipeline:
    """
    The checks of one guard, in the order in which every way in runs them.

    The MCP endpoint, FastAPI routes and a gateway behind the guard call ``authenticate``, then
    ``authorize``, ``count`` if the request has ``limits``, then ``record`` or ``refuse``. A check for
    every guarded request belongs here.
    ``hides`` answers for an operation that the caller may not do as for an unknown one.
    ``proof_check`` sees each request and its token before the cache of verified tokens does.
    ``forms`` chooses how a client learns that a tool call was refused.
    """

    def __init__(
        self,
        verifier: "TokenVerifier",
        challenge: BearerChallenge,
        audit: audit.AuditSink,
        clock: Callable[[], float],
        *,
        hides: bool = False,
        proof_check: ProofCheck | None = None,
        forms: RefusalForms | None = None,
        rate_counters: "SharedCounters | None" = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._limits: CallLimits | None = None
        self._rate_counters = rate_counters
        self._trusted_proxies = trusted_proxies
        self.verifier = verifier
        self.proof_check = proof_check
        self.challenge = challenge
        self.audit_sink = audit
        self._clock = clock
        self._hides = hides
        self._forms = forms or RefusalForms()
        self._started = False

    async def start(self) -> None:
        """Start the verifier, unless it is started already."""
        if not self._started:
            self._started = True
            await self.verifier.start()

    async def aclose(self) -> None:
        """Forget every verified token."""
        self._started = False
        await self.verifier.aclose()

    async def authenticate(self, request: GuardedRequest) -> Identity:
        """
        Return the caller, and store it in ``request``.

        Raises:
            MissingToken: 401, no bearer token came.
            AmbiguousToken: 400, two credentials came, or one in the query.
            TokenRejected: 401, the token is malformed or not acceptable here.
            Unavailable: 503, the token cannot be checked now.

        Spec: RFC 6750 §2.1, §3.1
        """
        token = read_bearer(request.headers, request.scope["query_string"])
        if self.proof_check is not None:
            # Before the cache: that a token was valid a moment ago says nothing about its sender.
            require_token(token)
            await self.proof_check(request, token)
        # A remembered token was well-formed when it was verified.
        identity = self.verifier.recall(token) or await self._verify(request, token)
        request.token = token
        request.identity = identity
        return identity

    async def _verify(self, request: GuardedRequest, token: bytes) -> Identity:
        # Before the verifier, which may send the token to an issuer: malformed ones go nowhere.
        require_token(token)
        if not self._started:
            # A server without lifespan events starts the verifier with its first token.
            await self.start()
        identity = await self.verifier.verify(token)
        request.is_first_call = True
        # Verify all waiting requests first, then serve them. Alternating costs both a tenth more,
        # because each evicts the other from the processor's caches.
        await asyncio.sleep(0)
        return identity

    def admit_stranger(self, request: GuardedRequest, policy: Policy) -> None:
        """
        Mark a request without any credential as one of a stranger, if ``policy`` serves any.

        A credential that is malformed, expired or of another scheme is never treated as none: its
        sender wants to be somebody.

        Raises:
            MissingToken: 401.

        Spec: RFC 6750 §3.1
        """
        if b"authorization" in request.headers.by_name or not policy.serves_strangers:
            raise MissingToken("no bearer token")
        request.is_stranger = True

    def authorize(self, request: GuardedRequest, policy: Policy) -> None:
        """
        Return if ``policy`` allows the operation to the caller.

        Raises:
            RequestRefused: 403, or 400 or 404 for an operation that no rule names.
        """
        identity, operation = request.identity, request.operation
        if operation is None or (identity is None and not request.is_stranger):
            raise NotPermitted("nothing to decide on")
        decision = policy.decide(identity, operation)
        request.scopes = decision.scopes
        if decision.conditions:
            decision = decide_message(
                decision, identity, operation, request.envelope, request.scope["headers"]
            )
        if not decision.allowed:
            if identity is None:
                raise self._refusal_of_stranger(policy, operation, decision)
            raise self._refusal_of(request, decision, operation, identity)
        if decision.limits:
            request.limits = decision.limits

    async def count(self, request: GuardedRequest) -> "Release":
        """
        Count a request that ``authorize`` allowed; call the result when its answer has ended.

        Raises:
            TooManyCalls: 429, a rule's limit is reached.
            Unavailable: 503, the counters cannot be reached.
        """
        if self._limits is None:
            # Most guards have no limits, and start-up is measured.
            from doorward.guard.call_limits import CallLimits

            self._limits = CallLimits(self._clock, self._rate_counters)
        return await self._limits.admit(request.limits, self._counted_as(request))

    def _counted_as(self, request: GuardedRequest) -> str:
        from starlette.requests import HTTPConnection

        from doorward.guard.call_limits import counted_as
        from doorward.net.client_address import address_key

        address = ""
        if request.identity is None:
            address = address_key(HTTPConnection(request.scope), self._trusted_proxies)
        return counted_as(request.identity, address)

    def _refusal_of_stranger(
        self, policy: Policy, operation: Operation, decision: Decision
    ) -> MissingToken:
        # Most clients act on one challenge for each call: it names all that the call needs. Where
        # names are hidden, it is the same for what is protected and for what is not there.
        is_hidden = self._hides and not decision.advertised
        needs = None if is_hidden else needs_of(policy, operation)
        scopes = frozenset[str]() if needs is None else needs.scopes
        return MissingToken(f"{_what(operation)} is not public", scopes)

    def refuse(self, request: GuardedRequest, refusal: RequestRefused | Unavailable) -> Response:
        """Return the HTTP answer to ``refusal``, and write its audit event."""
        answer = self._answer(request, refusal)
        self.record_refusal(request, refusal, answer.status)
        return answer

    def _answer(self, request: GuardedRequest, refusal: RequestRefused | Unavailable) -> Response:
        envelope, correlation_id = request.envelope, request.correlation_id
        # Only what a sign-in changes has two forms. A refused token has one, because the body of
        # its request is never read.
        if isinstance(refusal, ScopeMissing | MissingToken) and envelope is not None:
            user_agent = request.headers.by_name.get(b"user-agent", b"")
            if self._forms.is_tool_error(envelope, request.identity, user_agent):
                return tool_error_answer(refusal, self.challenge, envelope, correlation_id)
        answer = refusal_answer(
            refusal,
            self.challenge,
            correlation_id=correlation_id,
            request_id=envelope.id if envelope is not None else None,
        )
        if isinstance(refusal, UnknownMethod) and _is_legacy(envelope):
            # Clients of legacy protocol revisions read 404 as "your session is over".
            return answer._replace(status=200)
        return answer

    def refuse_inside(
        self, request: GuardedRequest, operation: Operation, decision: Decision
    ) -> tuple[RequestRefused, str]:
        """
        Return the refusal of what the application was about to run, and its correlation id.

        The refusal is recorded under the request's id. The application puts it into its own answer.
        """
        inside = copy(request)
        inside.operation, inside.scopes = operation, decision.scopes
        refusal = self._refusal_of(inside, decision, operation, request.identity)
        self.record_refusal(inside, refusal, 200)
        return refusal, request.correlation_id

    def _refusal_of(
        self,
        request: GuardedRequest,
        decision: Decision,
        operation: Operation,
        identity: Identity | None,
    ) -> RequestRefused:
        if identity is None:
            return MissingToken(f"{_what(operation)} is not public")
        refusal = _refusal_of(decision, operation, identity)
        # Operations without a name, such as lists, are not hidden: a client may request their scopes.
        # Neither is what lists show.
        if (
            not self._hides
            or decision.advertised
            or operation.name is None
            or operation.method not in _HIDEABLE
        ):
            return refusal
        request.hidden_reason = refusal.code
        return _unknown(operation, refusal.detail)

    def record_refusal(
        self, request: GuardedRequest, refusal: RequestRefused | Unavailable, status: int
    ) -> None:
        """Write the audit event of a refusal that was answered with ``status``."""
        reason = request.hidden_reason or refusal.code
        self.record(request, reason, status, detail=refusal.detail)

    def record(
        self,
        request: GuardedRequest,
        reason: str,
        status: int,
        *,
        detail: str = "",
        served: bool = False,
    ) -> None:
        """Write one audit event about ``request``."""
        self.audit_sink(
            audit.event(
                time=self._clock(),
                correlation_id=request.correlation_id,
                reason=reason,
                status=status,
                http_method=request.http_method,
                operation=request.operation,
                identity=request.identity,
                scopes=request.scopes,
                detail=detail,
                served=served,
            )
        )


def _is_legacy(envelope: Envelope | None) -> bool:
    return envelope is not None and envelope.protocol_version is None


def _refusal_of(decision: Decision, operation: Operation, identity: Identity) -> RequestRefused:
    what = _what(operation)
    if decision.reason == "scope-missing":
        held, wanted = sorted(identity.scopes), sorted(decision.scopes)
        return ScopeMissing(f"{what}: scopes={held}, want {wanted}", decision.scopes)
    if decision.reason == "kind-not-allowed":
        return KindNotAllowed(f"{what}: kind={identity.kind}, want one of {sorted(decision.kinds)}")
    if decision.reason == "argument-refused":
        # The value can be a secret, and the expectation says enough.
        told = f"{ArgumentRefused.public} {decision.expected}".strip()
        return ArgumentRefused(f"{what}: {decision.expected}", description=told)
    if decision.reason == "role-missing":
        held, wanted = sorted(identity.roles), sorted(decision.roles)
        return NotPermitted(f"{what}: roles={held}, want one of {wanted}")
    return _unknown(operation, f"no rule for {what}")


def _what(operation: Operation) -> str:
    return f"{operation.method} {operation.name or ''}".strip()


def _unknown(operation: Operation, detail: str) -> UnknownName | UnknownMethod:
    if operation.method in NAMED and operation.name is not None:
        return UnknownName(detail)
    return UnknownMethod(UnknownMethod.public, detail=detail)
