"""What a function may do while it runs: report, log, and ask the client."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

import msgspec

from doorward.identity import Identity
from doorward.mcp_server.elicitation.input_requests import (
    Elicit,
    Elicited,
    InputRequest,
    InvalidInputResponse,
    ListRoots,
    Root,
    Sample,
    Sampled,
)
from doorward.mcp_server.elicitation.round_trips import RoundTripState
from doorward.mcp_server.elicitation.session_requests import (
    look_at_page,
    new_page,
    require_capability,
    send_over_session,
)
from doorward.mcp_server.elicitation.url_mode import ElicitedUrl, ElicitUrl, UrlElicitationRequired
from doorward.mcp_server.functions.logging import Level, is_wanted
from doorward.mcp_server.refusals import InvalidParams, ToolError
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.schemas.content import Message
from doorward.mcp_server.streams.response_stream import ResponseStream, accepts_event_stream
from doorward.mcp_server.task import Task

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Context:
    """
    The request that a function is serving; injected into a parameter annotated ``Context``.

    ```python
    @server.tool()
    async def remove(name: str, ctx: Context) -> str:
        answer = await ctx.elicit(f"Remove {name}?", Confirmation)
        if not answer.accepted:
            return "Left as it is."
        await ctx.report_progress(1, 2)
        ...
    ```

    In 2026-07-28 asking ends the request: the client comes back with the answers and the function
    runs again **from its beginning**, where each question that was answered returns at once. So
    questions come before whatever must not be done twice, and their keys must be the same in each
    run: those given, or else the order in which they come. ``state`` is a dict of JSON that travels
    along, sealed. In earlier eras the function waits for the answer where it stands.
    """

    def __init__(self, request: RequestContext) -> None:
        self._request = request
        self._progress = (
            request.rounds.resume(request) if request.revision.modern else RoundTripState()
        )
        self._asked: set[str] = set()
        self._reported: float | None = None

    @property
    def identity(self) -> Identity | None:
        """The verified caller, or ``None`` where no guard stands in front."""
        return self._request.identity

    @property
    def state(self) -> dict[str, Any]:
        """What the function left here in an earlier round; JSON, sealed, and bound to the caller."""
        return self._progress.state

    def client_supports(self, capability: str) -> bool:
        """Say whether the client declared ``elicitation``, ``sampling``, ``roots``, …"""
        return capability in self._request.capabilities

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """
        Tell a client that asked for it how far the work is; nothing for any other client.

        Progress only grows: a value that is not above the last one is left out.

        Spec: MCP 2026-07-28, basic/patterns/progress
        """
        if (task := self._task()) is not None:
            task.say(message)
            return
        token = self._request.meta.get("progressToken")
        if not isinstance(token, str | int) or isinstance(token, bool):
            return
        if self._reported is not None and progress <= self._reported:
            return
        self._reported = progress
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self._notify("notifications/progress", params)

    async def log(self, level: Level, data: Any, *, logger: str | None = None) -> None:
        """
        Send a log message to a client that asked for this level, and to no other one.

        ``data`` is JSON, and goes to the client: put nothing into it that is not the caller's.

        Spec: MCP 2026-07-28, server/utilities/logging
        """
        if self._task() is not None or not is_wanted(level, self._request):
            return
        params: dict[str, Any] = {"level": level, "data": data}
        if logger is not None:
            params["logger"] = logger
        await self._notify("notifications/message", params)

    @overload
    async def elicit(
        self, message: str, form: type[T], *, key: str | None = None
    ) -> Elicited[T]: ...

    @overload
    async def elicit(
        self, message: str, form: Mapping[str, Any], *, key: str | None = None
    ) -> Elicited[dict[str, Any]]: ...

    async def elicit(self, message: str, form: Any, *, key: str | None = None) -> Elicited[Any]:
        """Ask the user to fill in a form: a type with its fields, or a schema. Raises as ``ask``."""
        answer: Elicited[Any] = await self._ask_one(key, Elicit(message, form))
        return answer

    async def elicit_url(
        self, message: str, url: str, *, key: str | None = None, wait: float = 0.0
    ) -> ElicitedUrl:
        """
        Ask the user to open a page, for what neither the client nor a model may see.

        The page finds the parameter ``elicitationId`` in its address, and must ask
        ``McpServer.elicitations`` whether whoever opened it is the caller of this function.
        ``wait`` is how many seconds to wait for it to say that the user is done. Raises as ``ask``.

        Raises:
            ConfigurationError: with reason ``unusable-page``: the address is no https URL.
            NobodyToAsk: no guard says who is calling, so no page could be anybody's.

        Spec: MCP 2026-07-28, client/elicitation, "URL Mode Elicitation Requests"
        """
        answer: ElicitedUrl = await self._ask_one(key, ElicitUrl(message, url, wait))
        return answer

    async def require_url(
        self, message: str, url: str, *, key: str | None = None, wait: float = 60.0
    ) -> None:
        """
        Go on only when the user is done with a page; called where what it brings is not there yet.

        In 2025-11-25 the request ends with the error -32042: the client shows the page and sends
        the request again, for which the function runs anew. Later it asks as ``elicit_url`` does.

        Raises:
            ToolError: the user would not open the page, or was not done with it in time.
            UrlElicitationRequired: for the client; let it pass, like whatever ``ask`` raises.

        Spec: MCP 2025-11-25, client/elicitation, "URL Elicitation Required Error"
        """
        page = ElicitUrl(message, url, wait)
        if not self._request.revision.modern:
            require_capability(self._request, page.required_capabilities)
            raise UrlElicitationRequired(replace(page, id=new_page(self._request), include_id=True))
        answer: ElicitedUrl = await self._ask_one(key, page)
        if not answer.accepted:
            raise ToolError("The user did not want to open the page that this needs.")
        if not answer.completed:
            raise ToolError("The user is not done yet with the page that this needs. Try later.")

    async def sample(
        self,
        messages: str | Sequence[Message],
        *,
        max_tokens: int,
        system_prompt: str | None = None,
        key: str | None = None,
    ) -> Sampled:
        """Ask the client's model. Raises as ``ask``."""
        question = Sample(messages=messages, max_tokens=max_tokens, system_prompt=system_prompt)
        answer: Sampled = await self._ask_one(key, question)
        return answer

    async def roots(self, *, key: str | None = None) -> tuple[Root, ...]:
        """Ask which directories the client works in. Raises as ``ask``."""
        answer: tuple[Root, ...] = await self._ask_one(key, ListRoots())
        return answer

    async def ask(self, **questions: InputRequest[Any]) -> dict[str, Any]:
        """
        Ask several things at once; returns what each question reads in its answer, by its key.

        Raises:
            MissingCapability: the client did not say that it can be asked this. Like the other
                refusals of this method it is for the client: let it pass.
            ValueError: a key was used before in this run.

        Spec: MCP 2026-07-28, basic/patterns/mrtr; 2025-11-25, client/elicitation, client/sampling
        """
        if twice := self._asked.intersection(questions):
            raise ValueError(f"the key {min(twice)!r} was asked before in this call")
        self._asked.update(questions)
        for question in questions.values():
            require_capability(self._request, question.required_capabilities)
        asked = {key: self._to_ask(key, one) for key, one in questions.items()}
        answers = await self._answers_to(asked)
        for key, one in asked.items():
            if isinstance(one, ElicitUrl):
                answers[key] = await look_at_page(self._request, one, answers[key])
        return answers

    async def become_task(self) -> None:
        """
        Let the request end with a task here, and go on as that task; nothing if it is one already.

        Only for a tool that is offered with ``task="deferred"``.

        Spec: MCP extension io.modelcontextprotocol/tasks, "Task Creation"
        """
        if self._request.task is None:
            raise RuntimeError("offer the tool with task='deferred' to let it become a task")
        await self._request.task.begin()

    async def close_stream(self) -> None:
        """
        Let the client hang up and come back for the answer; nothing where it could not.

        Spec: MCP 2025-11-25, transports, "Sending Messages to the Server", polling
        """
        session = self._request.session
        if session is not None and session.resumable:
            stream = await self._stream()
            if stream is not None and stream.is_open:
                await stream.detach()

    def _to_ask(self, key: str, question: InputRequest[Any]) -> InputRequest[Any]:
        if not isinstance(question, ElicitUrl):
            return question
        pages = self._progress.pages
        if key not in pages:
            pages[key] = new_page(self._request)
        return replace(question, id=pages[key], include_id=not self._request.revision.modern)

    async def _answers_to(self, questions: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        if (task := self._task()) is not None:
            return await task.ask(questions)
        if not self._request.revision.modern:
            return await send_over_session(self._request, await self._stream(), questions)
        return self._answered(questions)

    def _answered(self, questions: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        known = {key: one for key, one in questions.items() if key in self._progress.answers}
        try:
            read = {key: one.read(self._progress.answers[key]) for key, one in known.items()}
        except InvalidInputResponse as bad:
            raise InvalidParams(f"An input response {bad}") from None
        if len(known) < len(questions):
            open_ones = {key: one for key, one in questions.items() if key not in known}
            # Only what was asked is carried on: the rest is the client's invention.
            kept = {
                key: answer for key, answer in self._progress.answers.items() if key in self._asked
            }
            so_far = RoundTripState(kept, self._progress.state, self._progress.pages)
            raise self._request.rounds.ask(self._request, open_ones, so_far)
        return read

    def _task(self) -> Task | None:
        task = self._request.task
        return task if task is not None and task.is_started else None

    async def _ask_one(self, key: str | None, question: InputRequest[Any]) -> Any:
        chosen = key or f"question-{len(self._asked) + 1}"
        return (await self.ask(**{chosen: question}))[chosen]

    async def _stream(self) -> ResponseStream | None:
        request = self._request
        if request.stream is None and accepts_event_stream(request.headers):
            log = request.session.new_event_log() if request.session is not None else None
            request.stream = await ResponseStream.begin(request.send, log, request.answer_headers)
        return request.stream

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        stream = await self._stream()
        if stream is not None:
            await stream.notify(_encode({"jsonrpc": "2.0", "method": method, "params": params}))
