"""The requests of a guard that belong to a sign-in attempt, as hops."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from doorward.net.client_address import peer_key
from doorward.operations.story import admitted
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.hop import Hop, Step, next_tick
from doorward.operations.story.notes import TieValue, grant_tie
from doorward.wire.asgi import Scope

if TYPE_CHECKING:
    from doorward.guard.pipeline import GuardedRequest


class GuardHops:
    """
    Keeps refusals, the first call with each token, and requests for the metadata.

    Calls with a token that was admitted before are no part of a sign-in, and cost nothing here.
    """

    def __init__(
        self,
        attempts: Attempts,
        clock: Callable[[], float],
        *,
        endpoint: str,
        metadata: str,
        trusted_proxies: Sequence[str],
    ) -> None:
        self._attempts = attempts
        self._clock = clock
        self._endpoint = endpoint
        self._metadata = metadata
        self._trusted_proxies = trusted_proxies

    def decided(self, request: "GuardedRequest", reason: str, status: int, *, served: bool) -> None:
        """Keep a refusal, or the first call that a token was admitted with."""
        identity, operation = request.identity, request.operation
        had_token = b"authorization" in request.headers.by_name
        method = admitted.method_name(operation.method) if operation else ""
        ties: list[TieValue] = []
        user = client_id = ""
        if identity is not None:
            user = admitted.identifier(identity.subject)
            client_id = admitted.client_id(identity.client_id or "")
            if identity.token_id is not None:
                ties.append(grant_tie(identity.issuer, identity.subject, identity.token_id))
        step: Step = "call" if had_token else "challenge"
        sent = ("with a token" if had_token else "without a token", method)
        self._add(
            request.scope,
            step,
            self._endpoint,
            status,
            sent=tuple(filter(None, sent)),
            answered=_answered(status, step),
            reason="" if served else reason,
            correlation_id=request.correlation_id,
            ties=ties,
            client_id=client_id,
            user=user,
        )

    def metadata_read(self, scope: Scope) -> None:
        """Keep a request for the protected-resource metadata that was answered."""
        self._add(scope, "resource-metadata", self._metadata, 200)

    def _source_of(self, scope: Scope) -> str:
        forwarded = [
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
        ]
        client = scope.get("client")
        return peer_key(client[0] if client else None, forwarded, self._trusted_proxies)

    def _add(
        self,
        scope: Scope,
        step: Step,
        path: str,
        status: int,
        *,
        sent: tuple[str, ...] = (),
        answered: tuple[str, ...] = (),
        reason: str = "",
        correlation_id: str = "",
        ties: list[TieValue] | None = None,
        client_id: str = "",
        user: str = "",
    ) -> None:
        method = scope["method"]
        hop = Hop(
            step=step,
            sender="client",
            receiver="guard",
            time=self._clock(),
            began=next_tick(),
            ended=next_tick(),
            method=method if method in ("GET", "POST", "DELETE") else "",
            path=path,
            status=status,
            sent=sent,
            answered=answered,
            reason=reason,
            correlation_id=correlation_id,
        )
        source = self._source_of(scope)
        self._attempts.add([hop], source=source, ties=ties or (), client_id=client_id, user=user)


def _answered(status: int, step: Step) -> tuple[str, ...]:
    return ("a challenge",) if status == 401 and step == "challenge" else ()
