"""One connection as a client makes it, hop by hop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doorward.client.oauth.discovery import BearerChallenge, read_challenge
from doorward.idp.clients import ConnectionFacts, McpClient
from doorward.idp.clients.client import RegistrationWay
from doorward.idp.facts import Fact
from doorward.net.client_authentication import ClientCredential
from doorward.testing.personas.authorization import Authorization, Grant
from doorward.testing.personas.discovery import discover
from doorward.testing.personas.hops import Hop, HopResult
from doorward.testing.personas.http import PersonaHttp, redirected
from doorward.testing.personas.registration import register
from doorward.testing.personas.session import Answer, PersonaSession
from doorward.testing.personas.target import Target

Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Connected:
    """
    What happened while a persona connected.

    ```python
    def print_hops(connected: Connected) -> None:
        hop: HopResult
        for hop in connected.hops:
            exchange: Exchange
            for exchange in hop.exchanges:
                print(hop.hop, exchange.method, exchange.url, exchange.status)
    ```

    ``requested`` are the parameters of the last authorization request, without its secrets. Without
    a sign-in it is empty, and ``registration`` is ``None``.
    """

    client: McpClient
    hops: tuple[HopResult, ...]
    version: str
    registration: RegistrationWay | None
    requested: Mapping[str, str]
    scopes: frozenset[str]
    tools: tuple[str, ...]
    result: Mapping[str, Any] | None = field(repr=False)
    refreshed: bool

    def __str__(self) -> str:
        return "\n".join(map(str, self.hops))


class Connection:
    """One connection: its tokens, and the hops that it has behind it."""

    def __init__(
        self,
        client: McpClient,
        server: Target,
        user: str,
        http: PersonaHttp,
        arranged: ClientCredential | None,
    ) -> None:
        self._client, self._server, self._user = client, server, user
        self._http, self._trace, self._arranged = http, http.trace, arranged
        self._facts = http.facts
        self._session = PersonaSession(http, server.url)
        self._authorization: Authorization | None = None
        self._grant: Grant | None = None
        # Whether the list says of the tool that is called that a sign-in is not for it.
        self._tool_without_sign_in = False

    async def run(self, call: Call | None) -> Connected:
        """
        Connect, and return what happened.

        Raises:
            PersonaFailed: it names the hop.
        """
        trace = self._trace
        trace.start("challenge")
        response = await self._session.first()
        if response.status_code == 401:
            challenge = read_challenge(response.headers)
            trace.finish(f"401, with the metadata URL {challenge.metadata_url or '(none)'}")
            await self._sign_in(challenge)
        elif response.status_code < 400 or response.status_code == 405:
            trace.finish(f"{response.status_code}: no sign-in is needed yet")
        else:
            raise trace.failure(
                f"a request without a token was answered {response.status_code}, expected 401 with "
                f"a challenge.{redirected(response)}",
                self._facts.first_request,
            )
        await self._request("session", "open")
        listed = await self._request("list", "tools/list", {})
        tools = _tools_in(listed.result or {})
        chosen = call or _callable_in(tools)
        reads_schemes = self._facts.security_schemes
        if chosen is not None and reads_schemes is not None and reads_schemes.value:
            self._tool_without_sign_in = _has_no_sign_in(chosen[0], tools)
        result = await self._call(chosen) if chosen else None
        refreshed = await self._refresh()
        return self._connected([str(one["name"]) for one in tools], result, refreshed=refreshed)

    async def _sign_in(self, challenge: BearerChallenge) -> None:
        found = await discover(self._http, self._server.url, challenge)
        scopes = found.scopes(self._facts)
        client = await register(self._http, found, scopes, self._arranged)
        self._authorization = Authorization(
            http=self._http,
            transport=self._http.transport,
            found=found,
            client=client,
            server_url=self._server.url,
            username=self._user,
            password=self._server.password(self._user),
        )
        self._grant = await self._authorization.grant(scopes)

    async def _call(self, call: Call) -> Mapping[str, Any]:
        name, arguments = call
        answer = await self._request("call", "tools/call", {"name": name, "arguments": arguments})
        return answer.result or {}

    async def _refresh(self) -> bool:
        if self._authorization is None or self._grant is None:
            return False
        if self._grant.refresh_token is None:
            self._trace.start("refresh")
            self._trace.finish("there is no refresh token: the user signs in again")
            return False
        self._grant = await self._authorization.refresh(self._grant)
        await self._request("list", "tools/list", {})
        return True

    async def _request(
        self, hop: Hop, method: str, params: Mapping[str, Any] | None = None
    ) -> Answer:
        """Return the answer to an MCP request; sign in, or get more scopes, where it asks for that."""
        for last in (False, True):
            self._trace.start(hop)
            answer = await self._send(method, params)
            challenge = self._wanted(answer)
            if challenge is None or last:
                break
            self._trace.finish(_more(answer, challenge))
            await self._authorize(challenge)
        return self._succeeded(answer)

    async def _send(self, method: str, params: Mapping[str, Any] | None) -> Answer:
        token = None if self._grant is None else self._grant.access_token
        if params is None:
            return await self._session.open(token)
        return await self._session.request(method, params, token)

    def _wanted(self, answer: Answer) -> BearerChallenge | None:
        """Return the challenge on which this client acts now, or ``None``."""
        facts = self._facts
        in_result = answer.challenge_in_result
        if "tool-result" not in facts.refusals.value or self._tool_without_sign_in:
            in_result = None
        if self._grant is None:
            return answer.challenge if answer.response.status_code == 401 else in_result
        if not facts.step_up.value:
            return None
        if in_result is not None:
            return in_result
        challenge = answer.challenge if "http" in facts.refusals.value else None
        wants_more = challenge is not None and challenge.error == "insufficient_scope"
        return challenge if wants_more else None

    async def _authorize(self, challenge: BearerChallenge) -> None:
        if self._authorization is None or self._grant is None:
            await self._sign_in(challenge)
            return
        scopes = sorted(self._grant.scopes | (challenge.scopes or frozenset()))
        self._grant = await self._authorization.grant(tuple(scopes))

    def _succeeded(self, answer: Answer) -> Answer:
        result = answer.result
        if result is not None and answer.challenge_in_result is None:
            self._trace.finish("200")
            return answer
        facts, response = self._facts, answer.response
        problem = f"{self._session.url} {answer.problem}, expected 200 with a result."
        asks = answer.challenge or answer.challenge_in_result
        if asks is None or asks.error != "insufficient_scope":
            raise self._trace.failure(problem + redirected(response))
        needed = ", ".join(sorted(asks.scopes or ()))
        has = ", ".join(sorted(self._grant.scopes)) if self._grant else ""
        problem += f" It asks for the scopes {needed}; the token has {has or 'none'}."
        raise self._trace.failure(problem, _why_less(facts))

    def _connected(
        self, tools: Sequence[str], result: Mapping[str, Any] | None, *, refreshed: bool
    ) -> Connected:
        authorization, grant = self._authorization, self._grant
        return Connected(
            client=self._client,
            hops=self._trace.hops,
            version=self._session.version,
            registration=None if authorization is None else authorization.client.way,
            requested={} if grant is None else grant.requested,
            scopes=frozenset() if grant is None else grant.scopes,
            tools=tuple(tools),
            result=result,
            refreshed=refreshed,
        )


def _more(answer: Answer, challenge: BearerChallenge) -> str:
    scopes = ", ".join(sorted(challenge.scopes or ()))
    return f"{answer.response.status_code}: asks for the scopes {scopes or '(none named)'}"


def _why_less(facts: ConnectionFacts) -> Fact[Any]:
    """Return the fact by which a client has fewer scopes than the server asks for."""
    if "challenge" not in facts.scopes.value:
        return facts.scopes
    return facts.refusals if facts.step_up.value else facts.step_up


def _tools_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = result.get("tools")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _has_no_sign_in(name: str, tools: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the list describes the tool, and says of no sign-in that it is for it."""
    schemes = [one.get("securitySchemes") for one in tools if one.get("name") == name]
    return any(
        not isinstance(one, list)
        or not any(isinstance(each, dict) and each.get("type") == "oauth2" for each in one)
        for one in schemes
    )


def _callable_in(tools: Sequence[Mapping[str, Any]]) -> Call | None:
    for tool in tools:
        schema = tool.get("inputSchema")
        if not isinstance(schema, dict) or not schema.get("required"):
            return str(tool["name"]), {}
    return None
