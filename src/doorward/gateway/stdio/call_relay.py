"""One call between a client and a process: progress, logs and questions, then the result."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from doorward.gateway.stdio.child_session import QUESTIONS, Call, ChildSession, Event
from doorward.gateway.stdio.refusals import StdioServerSlow
from doorward.mcp_server.functions.context import Context
from doorward.mcp_server.functions.logging import require_level
from doorward.mcp_server.refusals import InvalidParams, MissingCapability, ToolError
from doorward.mcp_server.request_context import InterimResult
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

_INVALID_PARAMS, _METHOD_NOT_FOUND, _INTERNAL = -32602, -32601, -32603
_STATUS = {_INVALID_PARAMS: 400, _METHOD_NOT_FOUND: 404}


class StdioServerError(ProtocolRefusal):
    """A JSON-RPC error of the server behind this gateway, as it came."""

    code = "stdio-server-error"
    public = "The MCP server answered with an error."
    hint = "The message and the code are those of the server."

    def __init__(self, error: Mapping[str, Any]) -> None:
        code, message = error.get("code"), error.get("message")
        text = message if isinstance(message, str) else self.public
        super().__init__(text, error.get("data"))
        self.jsonrpc_code = code if type(code) is int else _INTERNAL
        self.status = _STATUS.get(self.jsonrpc_code, 400)


@dataclass(frozen=True)
class _Question:
    """A question of the process, passed on as it came."""

    method: str
    asked: Mapping[str, Any]

    @property
    def required_capabilities(self) -> dict[str, Any]:
        name = QUESTIONS[self.method]
        mode: dict[str, Any] = (
            {"url": {}} if name == "elicitation" and self.asked.get("mode") == "url" else {}
        )
        return {name: mode}

    def params(self) -> dict[str, Any]:
        return dict(self.asked)

    def read(self, response: Mapping[str, Any]) -> Mapping[str, Any]:
        return response


class CallRelay:
    """
    What passes between the client of ``context`` and a call of the process.

    ``question`` is what the process asked and the client has not answered. ``seconds`` is how long
    the process may be silent.
    """

    def __init__(self, context: Context, session: ChildSession, call: Call, seconds: float) -> None:
        self._context = context
        self._session = session
        self._call = call
        self._seconds = seconds
        self.question: Event | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The state of the request, which the client carries."""
        return self._context.state

    async def result(self, question: Event | None = None) -> dict[str, Any]:
        """
        Return the result of the call; ``question`` was asked in an earlier request.

        Raises:
            StdioServerError: the process answered with an error.
            StdioServerSlow: it was silent for too long.
            StdioServerEnded: it ended.
            InterimResult: the client must answer ``self.question`` in another request.
        """
        self.question = question
        try:
            while True:
                if self.question is not None:
                    await self._answer(self.question)
                event = await self._call.next(self._seconds)
                if event.kind == "result":
                    return event.value
                await self._pass_on(event)
        except InterimResult:
            # The process still works on this call.
            raise
        except TimeoutError:
            await self._session.cancel(self._call)
            raise StdioServerSlow(f"no answer and no progress for {self._seconds:.0f} s") from None
        except asyncio.CancelledError:
            await self._session.cancel(self._call)
            raise
        except BaseException:
            self._session.end_call(self._call)
            raise

    async def _pass_on(self, event: Event) -> None:
        if event.kind == "error":
            raise StdioServerError(event.value)
        if event.kind == "question":
            self.question = event
        elif event.kind == "progress":
            await _report(self._context, event.value)
        else:
            await _log(self._context, event.value)

    async def _answer(self, question: Event) -> None:
        answer = await self._ask(question)
        self.question = None
        await self._session.answer(question, answer)

    async def _ask(self, question: Event) -> dict[str, Any]:
        """Return the client's answer as a member of a JSON-RPC response."""
        key = str(question.id)
        asked = _Question(question.value["method"], question.value["params"])
        try:
            answers = await self._context.ask(**{key: asked})
        except MissingCapability:
            return _error(_METHOD_NOT_FOUND, "The client cannot answer this.")
        except ToolError as error:
            return _error(_INTERNAL, error.message)
        return {"result": answers[key]}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def _report(context: Context, params: Mapping[str, Any]) -> None:
    progress, total, message = (params.get(name) for name in ("progress", "total", "message"))
    if isinstance(progress, int | float):
        await context.report_progress(
            progress,
            total if isinstance(total, int | float) else None,
            message if isinstance(message, str) else None,
        )


async def _log(context: Context, params: Mapping[str, Any]) -> None:
    level, logger = params.get("level"), params.get("logger")
    with suppress(InvalidParams):
        await context.log(
            require_level(level),
            params.get("data"),
            logger=logger if isinstance(logger, str) else None,
        )
