"""``Context``: what a function can do while it runs. It reports, logs, and asks the client."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

import msgspec

from doorward.identity import Identity
from doorward.mcp_server.elicitation.input_requests import (
    Elicit,
    Elicited,
    InputRequest,
    ListRoots,
    Root,
    Sample,
    Sampled,
)
from doorward.mcp_server.elicitation.round_trips import RoundTripState
from doorward.mcp_server.elicitation.session_requests import (
    RESPONSE_TIMEOUT_SECONDS,
    require_capability,
    send_over_session,
)
from doorward.mcp_server.elicitation.url_mode import ElicitedUrl, ElicitUrl, UrlElicitationRequired
from doorward.mcp_server.functions.logging import is_wanted
from doorward.mcp_server.refusals import InvalidInputResponse, InvalidParams, ToolError
from doorward.mcp_server.request_context import InterimResult, RequestContext
from doorward.mcp_server.schemas.content import Message
from doorward.mcp_server.streams.response_stream import ResponseStream, accepts_event_stream
from doorward.mcp_server.streams.session import LogLevel
from doorward.mcp_server.task import Task

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Context:
    """
    The request that a function serves; injected into a parameter annotated ``Context``.

    ```python
    class Confirmation(BaseModel):
        sure: bool

    @server.tool()
    async def remove(name: str, ctx: Context) -> str:
        \"\"\"Remove a file.\"\"\"
        answer = await ctx.elicit(f"Remove {name}?", Confirmation)
        if answer.content is None or not answer.content.sure:
            return "Left as it is."
        await ctx.report_progress(1, 2)
        return f"Removed {name}."
    ```

    In 2026-07-28 a question ends the request. The client sends it again with the answers, and the
    function runs again **from its beginning**: each question that has an answer returns at once. So
    ask before you do what must happen only once. Keys must be the same in each run: those that you
    give, or else the order of the questions. ``state`` is a dict of JSON that the client carries,
    sealed. In older revisions the function waits for the answer.
    """

    def __init__(self, request: RequestContext) -> None:
        self._request = request
        modern = request.revision.modern
        self._round_trip = request.round_trips.resume(request) if modern else RoundTripState()
        self._used_keys: set[str] = set()
        self._last_progress: float | None = None

    @property
    def identity(self) -> Identity | None:
        """The verified caller, or ``None`` without a guard in front of the server."""
        return self._request.identity

    @property
    def state(self) -> dict[str, Any]:
        """What the function stored here in an earlier run; JSON, sealed and bound to the caller."""
        return self._round_trip.state

    def client_supports(self, capability: str) -> bool:
        """Say whether the client declared ``elicitation``, ``sampling``, ``roots``, …"""
        return capability in self._request.capabilities

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """
        Send the progress to a client that requested it; other clients get nothing.

        A value that is not above the last one is ignored.

        Spec: MCP 2026-07-28, basic/patterns/progress
        """
        if (task := self._started_task()) is not None:
            task.set_status_message(message)
            return
        token = self._request.meta.get("progressToken")
        if not isinstance(token, str | int) or isinstance(token, bool):
            return
        if self._last_progress is not None and progress <= self._last_progress:
            return
        self._last_progress = progress
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self._notify("notifications/progress", params)

    async def log(self, level: LogLevel, data: Any, *, logger: str | None = None) -> None:
        """
        Send a log message to a client that requested this level; other clients get nothing.

        ``data`` is JSON and goes to the client: it must not hold other users' data.

        Spec: MCP 2026-07-28, server/utilities/logging
        """
        if self._started_task() is not None or not is_wanted(level, self._request):
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
        """Ask the user to fill in a form: a type with fields, or a schema. Raises: as ``ask``."""
        answer: Elicited[Any] = await self._ask_one(key, Elicit(message, form))
        return answer

    async def elicit_url(
        self, message: str, url: str, *, key: str | None = None, wait: float = 0.0
    ) -> ElicitedUrl:
        """
        Ask the user to open a page, for what neither the client nor a model may see.

        The page's URL gets a parameter ``elicitationId``. The page must check with
        ``McpServer.pending_pages`` that the user who opened it is the caller of this function.
        ``wait`` is how many seconds to wait for the user to finish. Raises: as ``ask``.

        Raises:
            ConfigurationError: with reason ``unusable-page``: the URL is not https.
            IdentityRequired: no guard provides an identity, so anybody could use the page.

        Spec: MCP 2026-07-28, client/elicitation, "URL Mode Elicitation Requests"
        """
        answer: ElicitedUrl = await self._ask_one(key, ElicitUrl(message, url, wait))
        return answer

    async def require_url(
        self, message: str, url: str, *, key: str | None = None, wait: float = 60.0
    ) -> None:
        """
        Return only when the user has finished with a page; call this if its result is missing.

        In 2025-11-25 the request ends with the error -32042: the client shows the page and sends
        the request again, which runs the function again. In 2026-07-28 this asks as ``elicit_url``.

        Raises:
            ToolError: the user declined, or did not finish in time.
            UrlElicitationRequired: for the client; do not catch it, nor what ``ask`` raises.

        Spec: MCP 2025-11-25, client/elicitation, "URL Elicitation Required Error"
        """
        page = ElicitUrl(message, url, wait)
        if not self._request.revision.modern:
            self._require_capability(page)
            raise UrlElicitationRequired(replace(page, id=self._new_page(), include_id=True))
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
        """Ask the client's model. Raises: as ``ask``."""
        request = Sample(messages=messages, max_tokens=max_tokens, system_prompt=system_prompt)
        answer: Sampled = await self._ask_one(key, request)
        return answer

    async def roots(self, *, key: str | None = None) -> tuple[Root, ...]:
        """Return the directories that the client works in. Raises: as ``ask``."""
        answer: tuple[Root, ...] = await self._ask_one(key, ListRoots())
        return answer

    async def ask(self, **requests: InputRequest[Any]) -> dict[str, Any]:
        """
        Ask the client for several things at once, and return the answers by key.

        Raises:
            MissingCapability: the client did not declare the capability. Do not catch it, nor the
                other refusals of this method: they are for the client.
            ValueError: the key was used before in this run.

        Spec: MCP 2026-07-28, basic/patterns/mrtr; 2025-11-25, client/elicitation, client/sampling
        """
        if repeated := self._used_keys.intersection(requests):
            raise ValueError(f"the key {min(repeated)!r} was asked before in this call")
        self._used_keys.update(requests)
        for request in requests.values():
            self._require_capability(request)
        complete = {key: self._with_page_id(key, one) for key, one in requests.items()}
        answers = await self._answers_to(complete)
        for key, request in complete.items():
            if isinstance(request, ElicitUrl):
                answers[key] = await self._with_completion(request, answers[key])
        return answers

    async def become_task(self) -> None:
        """
        End the request with a task, and continue as that task; nothing if it already is one.

        Only for a tool with ``task="deferred"``.

        Spec: MCP extension io.modelcontextprotocol/tasks, "Task Creation"
        """
        if self._request.task is None:
            raise RuntimeError("offer the tool with task='deferred' to let it become a task")
        await self._request.task.start()

    async def close_stream(self) -> None:
        """
        Close the connection and let the client resume later; nothing if it cannot resume.

        Spec: MCP 2025-11-25, transports, "Sending Messages to the Server", polling
        """
        session = self._request.session
        if session is not None and session.resumable:
            stream = await self._stream()
            if stream is not None and stream.is_open:
                await stream.detach()

    def _require_capability(self, request: InputRequest[Any]) -> None:
        require_capability(
            self._request.capabilities,
            request.required_capabilities,
            url_elicitation=self._request.revision.url_elicitation,
        )

    def _new_page(self) -> str:
        pages = self._request.round_trips.pending_pages
        return pages.begin(self._request.identity, self._request.session)

    def _with_page_id(self, key: str, request: InputRequest[Any]) -> InputRequest[Any]:
        if not isinstance(request, ElicitUrl):
            return request
        pages = self._round_trip.pages
        if key not in pages:
            pages[key] = self._new_page()
        return replace(request, id=pages[key], include_id=not self._request.revision.modern)

    async def _with_completion(self, request: ElicitUrl, answer: ElicitedUrl) -> ElicitedUrl:
        identity = self._request.identity
        if not answer.accepted or identity is None:
            return answer
        wait = min(request.wait, RESPONSE_TIMEOUT_SECONDS)
        pages = self._request.round_trips.pending_pages
        return replace(answer, completed=await pages.is_completed(identity, answer.id, wait=wait))

    async def _answers_to(self, requests: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        if (task := self._started_task()) is not None:
            return await task.request_input(requests)
        if not self._request.revision.modern:
            return await send_over_session(self._request.session, await self._stream(), requests)
        return self._answers_of_round_trip(requests)

    def _answers_of_round_trip(self, requests: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        found = self._round_trip
        known = {key: one for key, one in requests.items() if key in found.responses}
        try:
            answers = {key: one.read(found.responses[key]) for key, one in known.items()}
        except InvalidInputResponse as error:
            raise InvalidParams(f"An input response {error}") from None
        if len(known) < len(requests):
            unanswered = {key: one for key, one in requests.items() if key not in known}
            # Responses to what was never asked are the client's invention, and are dropped.
            kept = {key: one for key, one in found.responses.items() if key in self._used_keys}
            so_far = RoundTripState(kept, found.state, found.pages)
            round_trips = self._request.round_trips
            members = round_trips.input_required(self._request, unanswered, so_far)
            raise InterimResult("input_required", members)
        return answers

    def _started_task(self) -> Task | None:
        task = self._request.task
        return task if task is not None and task.is_started else None

    async def _ask_one(self, key: str | None, request: InputRequest[Any]) -> Any:
        chosen = key or f"question-{len(self._used_keys) + 1}"
        return (await self.ask(**{chosen: request}))[chosen]

    async def _stream(self) -> ResponseStream | None:
        request = self._request
        if request.stream is None and accepts_event_stream(request.headers):
            log = (
                request.session.new_event_log(request.identity)
                if request.session is not None
                else None
            )
            request.stream = await ResponseStream.begin(request.send, log, request.response_headers)
        return request.stream

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        stream = await self._stream()
        if stream is not None:
            await stream.notify(_encode({"jsonrpc": "2.0", "method": method, "params": params}))
