"""A simulated internet: hosts with addresses, and handlers for URLs. No sockets."""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from doorward.client.http.url_policy import UrlPolicy
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import Examination, examine
from doorward.net.http.refusals import FetchFailed

Handler = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]
PUBLIC = "93.184.216.34"


@dataclass
class World:
    """
    Everything that a client can reach: ``routes`` by method and URL without its query.

    ``mcp`` is the URL under examination. A host without an entry in ``addresses`` is public.
    ``seen`` are the requests that arrived, in order.
    """

    mcp: str = "https://mcp.example/mcp"
    issuer: str = "https://login.example"
    routes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    addresses: dict[str, Sequence[str]] = field(default_factory=dict)
    every: Handler | None = None
    seen: list[httpx2.Request] = field(default_factory=list)
    now: float = 0.0
    """The doctor's clock, in seconds; handlers advance it where an answer takes long."""
    tokens: set[str] = field(default_factory=set)
    """Access tokens that the MCP server accepts."""
    issuers: dict[str, Any] = field(default_factory=dict)
    keeps_expired_tokens: bool = False
    inside: InsideView | None = None
    """What the operator's own process makes, if the doctor knows it."""

    def on(self, method: str, url: str, handler: Handler) -> None:
        """Answer ``method`` at ``url`` with ``handler`` from now on."""
        self.routes[method, url] = handler

    def wrap(
        self, method: str, url: str, change: Callable[[httpx2.Response], httpx2.Response]
    ) -> None:
        """Change every answer to ``method`` at ``url``."""
        inner = self.routes[method, url]

        async def changed(request: httpx2.Request) -> httpx2.Response:
            return change(await _answer(inner, request))

        self.on(method, url, changed)

    def document(self, url: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the JSON document at ``url`` in place."""

        def changed(response: httpx2.Response) -> httpx2.Response:
            document = json.loads(response.content)
            change(document)
            return json_answer(document, response.status_code)

        self.wrap("GET", url, changed)

    async def wait(self, _seconds: float) -> None:
        """Let all access tokens expire."""
        if not self.keeps_expired_tokens:
            self.tokens.clear()

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        """Return the addresses of ``host``."""
        found = self.addresses.get(host, (PUBLIC,))
        if not found:
            raise FetchFailed(f"{host!r} does not resolve")
        return found

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Return what the simulated internet answers."""
        self.seen.append(request)
        if self.every is not None:
            return await _answer(self.every, request)
        url = str(request.url.copy_with(query=None))
        found = self.routes.get((request.method, url))
        if found is None and request.url.host not in {
            httpx2.URL(one).host for _, one in self.routes
        }:
            raise httpx2.ConnectError("nothing listens there")
        return await _answer(found or _not_found, request)


async def _answer(handler: Handler, request: httpx2.Request) -> httpx2.Response:
    found = handler(request)
    return await found if inspect.isawaitable(found) else found


def _not_found(_request: httpx2.Request) -> httpx2.Response:
    return json_answer({"error": "not_found"}, 404)


class SimulatedBrowser:
    """A browser in which alice has a session at every issuer."""

    def __init__(self, world: World) -> None:
        self._world, self._url = world, ""

    def open(self, url: str) -> None:
        """Keep ``url``."""
        self._url = url

    def address(self) -> str:
        """Return the address on which the browser ends."""
        request = httpx2.Request("GET", self._url, headers={"cookie": "user=alice"})
        handler = self._world.routes["GET", str(request.url.copy_with(query=None))]
        answer = handler(request)
        assert isinstance(answer, httpx2.Response)
        return answer.headers.get("location", "about:blank")


class SimulatedTransport(httpx2.AsyncBaseTransport):
    """Carries requests to a world, where the policy allows the addresses of their host."""

    def __init__(self, world: World, policy: UrlPolicy) -> None:
        self._world, self._policy = world, policy

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer; refuse private addresses as the real transport does."""
        host = request.url.host
        try:
            addresses = await self._world.resolve(host, 443)
        except FetchFailed as error:
            raise httpx2.ConnectError(f"{host} has no address") from error
        if not self._policy.allows_addresses(host, addresses):
            from doorward.client.refusals import DiscoveryFailed

            raise DiscoveryFailed("private-address", f"{host} is private")
        await request.aread()
        answer = await self._world.answer(request)
        if not answer.is_stream_consumed:
            return answer
        # As it comes from a socket: not read yet.
        stream = httpx2.ByteStream(answer.content)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream)


async def examined(world: World, *, saw: tuple[str, ...] = (), **plan: Any) -> Examination:
    """Return what the doctor finds in ``world``, with the options of a ``Plan``; alice signs in."""
    browser = SimulatedBrowser(world)
    probe = probe_of(
        world,
        plan=Plan(
            **{
                "open_url": browser.open,
                "read_line": browser.address,
                "show_code": lambda _url, _code: None,
                "sleep": world.wait,
                **plan,
            }
        ),
    )
    try:
        return await examine(probe, world.mcp, saw=saw, inside=world.inside)
    finally:
        await probe.aclose()


def probe_of(world: World, budget: Budget | None = None, plan: Plan | None = None) -> Probe:
    """Return a probe whose network is ``world``."""
    network = Network(
        world.resolve, lambda policy: SimulatedTransport(world, policy), lambda: world.now
    )
    return Probe(world.mcp, network, budget or Budget(), plan)


def json_answer(
    document: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Return a JSON answer."""
    return httpx2.Response(
        status,
        headers={"content-type": "application/json", **(headers or {})},
        content=json.dumps(document).encode(),
    )


def fixed(status: int, body: str = "", **headers: str) -> Handler:
    """Return a handler that always gives the same answer; ``_`` in header names becomes ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx2.Response(status, headers=named, content=body.encode())


def page(
    status: int = 200, body: str = "<!doctype html><title>App</title>", **headers: str
) -> Handler:
    """Return a handler that answers with a web page."""
    return fixed(status, body, content_type="text/html", **headers)


def codes(found: Examination) -> list[str]:
    """Return the codes of all findings."""
    return [one.finding.code for one in found.diagnoses]
