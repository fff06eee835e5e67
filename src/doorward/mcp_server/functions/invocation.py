"""Calling an author's function: arguments, injected parameters, and threads."""

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
    """An author's function and its signature."""

    target: Callable[..., Any]
    signature: Signature
    is_async: bool

    def run(self, arguments: Mapping[str, Any], request: RequestContext) -> Awaitable[Any]:
        """
        Return an awaitable of what the function returns.

        A function that is not ``async`` runs in a thread, and blocks no other request.

        Raises:
            IdentityRequired: the function needs an identity, and the request has none.
        """
        signature = self.signature
        if signature.identity:
            if request.identity is None and signature.identity_required:
                raise IdentityRequired("a parameter is an Identity, and the scope carries none")
            # Clients cannot send these names: nothing is overridden.
            arguments = {**arguments, **dict.fromkeys(signature.identity, request.identity)}
        if signature.context:
            arguments = {**arguments, **dict.fromkeys(signature.context, Context(request))}
        if signature.dependencies is not None:
            return self._run_with_dependencies(signature.dependencies, arguments, request)
        return self._run(arguments)

    async def _run_with_dependencies(
        self, dependencies: Dependencies, arguments: Mapping[str, Any], request: RequestContext
    ) -> Any:
        async with dependencies.solved(request) as values:
            return await self._run({**arguments, **values})

    def _run(self, arguments: Mapping[str, Any]) -> Awaitable[Any]:
        if self.is_async:
            running: Awaitable[Any] = self.target(**arguments)
            return running
        # Imported late: only functions in threads need it, and it takes 12 ms.
        import anyio.to_thread

        # A thread cannot be cancelled; when the client disconnects, nobody waits for it.
        return anyio.to_thread.run_sync(partial(self.target, **arguments), abandon_on_cancel=True)


def read_function(target: Callable[..., Any], signature: Signature) -> Function:
    """Return ``target`` as a function that can be run."""
    return Function(target, signature, inspect.iscoroutinefunction(target))
