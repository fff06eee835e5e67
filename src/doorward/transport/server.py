"""``McpServer``: typed functions in, an MCP endpoint out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from doorward.errors import ConfigurationError
from doorward.policy import Rule
from doorward.transport.call import Call, Method
from doorward.transport.endpoint import Endpoint
from doorward.transport.front import App, Front
from doorward.transport.gate import Decide, Gate
from doorward.transport.greeting import About, Greeting
from doorward.transport.neighbours import Neighbours
from doorward.transport.prompts import Prompt, get_prompt, read_prompt
from doorward.transport.refusals import UnknownMethod
from doorward.transport.shelf import Shelf
from doorward.transport.tools import Tool, call_tool, read_tool

if TYPE_CHECKING:
    from fastapi import APIRouter

F = TypeVar("F", bound=Callable[..., Any])

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"


class McpServer:
    """
    An MCP server made of typed functions.

    ```python
    server = McpServer("demo", version="1.0")

    @server.tool(scopes={"mcp:tools"})
    async def add(a: int, b: int) -> int:
        \"\"\"Add two whole numbers.\"\"\"
        return a + b

    app = server.in_front_of(FastAPI())
    ```

    Speaks 2026-07-28, and 2025-03-26 to 2025-11-25 without sessions and without the batches of
    2025-03-26, which no policy could judge as one operation. ``max_body`` is in bytes,
    ``list_ttl_ms`` is how long clients may keep a list, in milliseconds. ``allowed_hosts`` and
    ``allowed_origins`` add to this machine's own names, and count only where no guard stands in
    front: a guard knows the public address.

    Does not check tokens: put ``Guard.protect`` round it. Without a guard, a tool or prompt that has
    scopes or roles is neither listed nor served.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        title: str | None = None,
        instructions: str | None = None,
        max_body: int = 4 * 1024 * 1024,
        list_ttl_ms: int = 60_000,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
    ) -> None:
        self._gate = Gate()
        self._tools: Shelf[Tool] = Shelf("tool", "tools/call", self._gate, list_ttl_ms)
        self._prompts: Shelf[Prompt] = Shelf("prompt", "prompts/get", self._gate, list_ttl_ms)
        about = About(name, version, title, instructions)
        greeting = Greeting(about, self._capabilities, list_ttl_ms)
        features: dict[str, Method] = {
            "tools/list": partial(_offered, self._tools, self._tools.listed),
            "tools/call": partial(_offered, self._tools, partial(call_tool, self._tools)),
            "prompts/list": partial(_offered, self._prompts, self._prompts.listed),
            "prompts/get": partial(_offered, self._prompts, partial(get_prompt, self._prompts)),
        }
        meta = msgspec.json.encode({_SERVER_INFO: about.implementation})
        self._endpoint = Endpoint(
            modern={"server/discover": greeting.discover, **features},
            legacy={"initialize": greeting.initialize, "ping": greeting.ping, **features},
            prefix=b'{"resultType":"complete","_meta":%b,' % meta,
            neighbours=Neighbours(allowed_hosts, allowed_origins),
            max_body=max_body,
        )

    @property
    def asgi(self) -> Endpoint:
        """The endpoint as an ASGI application; it answers at whatever path it is put."""
        return self._endpoint

    @property
    def rules(self) -> Mapping[tuple[str, str], Rule]:
        """What authors wrote beside their functions: ``{("tools/call", "add"): Rule(...)}``."""
        return MappingProxyType(self._gate.rules)

    @property
    def decide(self) -> Decide | None:
        """
        The decision that filters lists and repeats itself at each call.

        Set it to the policy that also stands in the guard, so that a list shows what a call would
        be granted. Without it, lists follow ``rules`` as written, without a hierarchy of scopes.
        """
        return self._gate.decide

    @decide.setter
    def decide(self, decide: Decide | None) -> None:
        self._gate.decide = decide

    def tool(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that offers a typed function as a tool, and leaves it as it is.

        Name and description are the function's own unless given. Parameters and return type
        become the schemas; one annotated ``Identity`` is filled with the verified caller and is
        invisible to peers. ``annotations`` are MCP hints such as ``{"readOnlyHint": True}``.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/tools
        """
        rule = _rule(scopes, roles)

        def offer(function: F) -> F:
            tool = read_tool(
                function, name=name, title=title, description=description, annotations=annotations
            )
            self._tools.add(tool, rule)
            return function

        return offer

    def prompt(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that offers a typed function as a prompt, and leaves it as it is.

        The function returns a text, a ``Message``, or several of either.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/prompts
        """
        rule = _rule(scopes, roles)

        def offer(function: F) -> F:
            prompt = read_prompt(function, name=name, title=title, description=description)
            self._prompts.add(prompt, rule)
            return function

        return offer

    def in_front_of(self, app: App, path: str = "/mcp") -> Front:
        """
        Return an ASGI application that serves the endpoint, and hands what is elsewhere to ``app``.

        ``app = guard.protect(server.in_front_of(web))``: a call passes none of the routing,
        middleware and dependencies of ``web``, which cost more than the rest of it. ``path`` and
        ``path/`` are both served, redirecting neither; start-up and shutdown are those of ``app``.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        return Front(self._endpoint, app, path)

    def router(self, path: str = "/mcp") -> "APIRouter":
        """
        Return a router that serves the endpoint at ``path`` and at ``path/``, redirecting neither.

        A redirect would drop the body in some clients and the token in others. The middleware and
        the dependencies of the application are run first; ``in_front_of`` is the quicker way in
        where no call depends on them.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        # A server in front of an application, or alone, does without 20 MB of web framework.
        from doorward.transport.router import router_of

        return router_of(self._endpoint, path)

    def _capabilities(self) -> dict[str, Any]:
        offered = {"tools": self._tools, "prompts": self._prompts}
        return {name: {} for name, shelf in offered.items() if shelf}


async def _offered(shelf: Shelf[Any], method: Method, call: Call) -> bytes:
    """Answer with ``method`` where there is anything on the shelf: else the capability is absent."""
    if not shelf:
        raise UnknownMethod("Method not found")
    return await method(call)


def _rule(scopes: Collection[str], roles: Collection[str]) -> Rule:
    for given in (scopes, roles):
        if isinstance(given, str):
            raise ConfigurationError(
                "not-a-collection",
                f"scopes and roles are collections, and {given!r} is a string.",
                "Write scopes={'mcp:tools'}, with braces.",
            )
    return Rule(scopes=frozenset(scopes), roles=frozenset(roles))
