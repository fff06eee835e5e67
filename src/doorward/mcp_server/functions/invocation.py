"""Running an author's function: arguments in, identity injected, threads for what would block."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from doorward.mcp_server.functions.context import Context
from doorward.mcp_server.functions.dependencies import Dependencies
from doorward.mcp_server.functions.signature import Signature
from doorward.mcp_server.refusals import IdentityRequired
from doorward.mcp_server.request_context import RequestContext


@dataclass(frozen=True)
class Function:
    """An author's function and what its signature says."""

    target: Callable[..., Any]
    signature: Signature
    is_async: bool
    # Whether it waits and is given nothing but what the peer sent.
    direct: bool = False

    def run(self, arguments: Mapping[str, Any], request: RequestContext) -> Awaitable[Any]:
        """
        Return, when awaited, what the function returns for these arguments in this call.

        A function that is not ``async`` runs in a thread, so that it blocks nobody else.

        Raises:
            NobodyToAsk: it needs an identity and there is none.
        """
        if self.direct:
            running: Awaitable[Any] = self.target(**arguments)
            return running
        signature = self.signature
        if signature.identity:
            if request.identity is None and signature.identity_required:
                raise IdentityRequired(
                    "a parameter is annotated Identity and the scope carries none"
                )
            # The injected names are not among those that a peer may send, so nothing is overridden.
            arguments = {**arguments, **dict.fromkeys(signature.identity, request.identity)}
        if signature.context:
            arguments = {**arguments, **dict.fromkeys(signature.context, Context(request))}
        if signature.dependencies is not None:
            return self._run_solved(signature.dependencies, arguments, request)
        return self._run(arguments)

    async def _run_solved(
        self, dependencies: Dependencies, arguments: Mapping[str, Any], request: RequestContext
    ) -> Any:
        async with dependencies.solved(request) as values:
            return await self._run({**arguments, **values})

    def _run(self, arguments: Mapping[str, Any]) -> Awaitable[Any]:
        if self.is_async:
            running: Awaitable[Any] = self.target(**arguments)
            return running
        # By the first function that needs a thread: it is a tenth of what a server loads at its start.
        import anyio.to_thread

        # Abandoned when its caller hangs up: a thread cannot be stopped, but nobody waits for it.
        return anyio.to_thread.run_sync(partial(self.target, **arguments), abandon_on_cancel=True)


def read_function(target: Callable[..., Any], signature: Signature) -> Function:
    """Return ``target`` as something to run."""
    is_async = inspect.iscoroutinefunction(target)
    given_more = signature.identity or signature.context or signature.dependencies is not None
    return Function(target, signature, is_async, direct=is_async and not given_more)
