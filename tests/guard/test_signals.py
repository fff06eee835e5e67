"""Every signal about what a tool needs comes from one policy, and says what the pipeline decides."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.errors import ConfigurationError, WrongAudience
from doorward.identity import Identity, Kind
from doorward.idp.clients import CLIENTS, McpClient
from doorward.idp.clients.recognition import recognize, refusal_form
from doorward.integrations.declared_rules import DeclaredPolicy, SingleNameDeclarations
from doorward.policy import Operation, Policy, Rule
from doorward.policy.matrix import Row, matrix_of
from doorward.policy.why import explain
from doorward.wire.oauth.challenge import parse_challenges
from tests.guard.bench import ISSUER, METADATA, NOW, Bench, bearer, message
from tests.ledger import proves

TOOLS = ("a", "b", "c", "none")
SCOPES = ("s", "t", "wide")
ROLES = ("chief", "staff")
ROWS = [one for one in CLIENTS if one.connection is not None]


class Declared(SingleNameDeclarations):
    """What authors wrote beside their tools."""

    def __init__(self, rules: Mapping[tuple[str, str], Sequence[Rule]]) -> None:
        self.rules = rules

    def rules_of(self, operation: Operation) -> Sequence[Rule]:
        return self.rules.get((operation.method, operation.name or ""), ())

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        return self.rules

    def offered(self) -> Sequence[tuple[str, str]]:
        return list(self.rules)


class Drawn(NamedTuple):
    """A guard with a policy, one caller, and the client that sends its calls."""

    policy: Policy
    scopes: frozenset[str]
    roles: frozenset[str]
    kind: Kind
    client: McpClient | None


def subsets(of: Sequence[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of))


@st.composite
def rules(draw: st.DrawFn, *, public: bool = True) -> Rule:
    if public and draw(st.integers(0, 3)) == 0:
        return Rule(public=True)
    kinds: Any = draw(st.sampled_from([(), (), (), "person", "service"]))
    roles = draw(st.one_of(st.just(frozenset[str]()), subsets(ROLES)))
    return Rule(draw(subsets(SCOPES)), roles, kinds)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    names = draw(st.lists(st.sampled_from(TOOLS[:3]), unique=True))
    found = {("tools/call", name): draw(rules()) for name in names}
    if draw(st.booleans()):
        found["tools/call", "*"] = draw(rules(public=False))
    unknown: Literal["deny", "base"] = draw(st.sampled_from(["deny", "base"]))
    policy = Policy(
        base=draw(rules(public=False)) if draw(st.booleans()) else Rule(draw(subsets(SCOPES))),
        rules=found,
        hierarchy={"wide": {"s"}} if draw(st.booleans()) else {},
        unknown=unknown,
    )
    if draw(st.booleans()):
        return policy
    named = draw(st.lists(st.sampled_from(TOOLS[:3]), unique=True))
    beside = {("tools/call", name): [draw(rules())] for name in named}
    return DeclaredPolicy(policy, Declared(beside))


@st.composite
def situations(draw: st.DrawFn) -> Drawn:
    try:
        policy = draw(policies())
    except ConfigurationError:
        # The kinds of two rules exclude everybody.
        policy = Policy()
    return Drawn(
        policy,
        draw(subsets(SCOPES)),
        draw(subsets(ROLES)),
        draw(st.sampled_from(["person", "service"])),
        draw(st.sampled_from([None, *ROWS])),
    )


class KnownCallers:
    """A verifier that knows its callers already."""

    def __init__(self) -> None:
        self.callers: dict[bytes, Identity] = {}

    def recall(self, token: bytes) -> Identity | None:
        return self.callers.get(token)

    async def verify(self, _token: bytes) -> Identity:
        raise WrongAudience("not one of these")

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


class ListingBench(Bench):
    """A guard in front of an application that lists every tool, and claims that all are public."""

    def __init__(self, policy: Policy) -> None:
        self.verifier = KnownCallers()
        super().__init__(policy=policy, verifier=self.verifier)
        claim = [{"type": "noauth"}]
        self.guarded = self.guard.protect(self.listing, policy=policy)
        tools = [{"name": name, "securitySchemes": claim} for name in TOOLS]
        self.body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).encode()

    def token(self, scopes: frozenset[str], roles: frozenset[str], kind: Kind) -> str:
        """Return the token of a caller."""
        token = f"token-{len(self.verifier.callers)}"
        self.verifier.callers[token.encode()] = Identity(
            issuer=ISSUER,
            subject="alice",
            client_id="client",
            scopes=scopes,
            roles=roles,
            kind=kind,
            expires_at=NOW + 60,
        )
        return token

    async def listing(self, scope: Any, receive: Any, send: Any) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": self.body})


class Signals(NamedTuple):
    """All that one client is told about one tool, and what came of its call."""

    status: int
    result: dict[str, Any] | None
    # Of the challenge, wherever it is; None without one.
    challenge: Mapping[str, str] | None
    sentence: str

    @property
    def admitted(self) -> bool:
        return self.status == 200 and self.result is None

    @property
    def scopes(self) -> frozenset[str]:
        assert self.challenge is not None
        return frozenset(self.challenge.get("scope", "").split())


async def signals(bench: Bench, tool: str, token: str | None, client: McpClient | None) -> Signals:
    """Call the tool as this client, and collect what the answer says."""
    headers = {} if token is None else bearer(token)
    if client is not None and client.connection is not None:
        headers["user-agent"] = client.connection.user_agent.value
    answer = await bench.ask(json=message("tools/call", name=tool), headers=headers)
    said = answer.json()
    if answer.status_code == 200:
        result = said["result"] if "isError" in said["result"] else None
        header = result["_meta"]["mcp/www_authenticate"][0] if result else None
        sentence = result["content"][0]["text"] if result else ""
        assert "www-authenticate" not in answer.headers
    else:
        result, header = None, answer.headers.get("www-authenticate")
        sentence = said["error"]["message"]
    challenges = () if header is None else parse_challenges(header)
    params = challenges[0].params if challenges else None
    return Signals(answer.status_code, result, params, sentence)


async def schemes(bench: Bench, token: str) -> Mapping[str, Any]:
    """Return what the list says of each tool; what both places say is the same."""
    answer = await bench.ask(json=message("tools/list"), headers=bearer(token))
    assert answer.status_code == 200
    tools = answer.json()["result"]["tools"]
    for tool in tools:
        assert tool.get("securitySchemes") == tool.get("_meta", {}).get("securitySchemes")
    return {tool["name"]: tool.get("securitySchemes") for tool in tools}


def row_of(policy: Policy, tool: str) -> Row | None:
    """Return the row of ``who-can`` for a tool."""
    found = matrix_of(policy).row("tools/call", tool)
    return found if found is not None and found.kinds else None


def expected_schemes(row: Row | None) -> Any:
    """Return what a list must say of a tool with this row."""
    if row is None:
        return None
    scheme = {"type": "oauth2", "scopes": sorted(row.scopes)}
    return [{"type": "noauth"}] if row.public else [scheme]


async def agree(drawn: Drawn) -> list[str]:
    """Assert that all signals agree, and return what happened."""
    policy, client = drawn.policy, drawn.client
    bench = ListingBench(policy)
    mine = bench.token(drawn.scopes, drawn.roles, drawn.kind)
    identity = bench.verifier.callers[mine.encode()]
    supported = set(json.loads(bench.guard.metadata(policy)).get("scopes_supported", ()))
    root = bench.token(frozenset(SCOPES), frozenset(ROLES), min(policy.base.kinds))
    listed = await schemes(bench, root)
    happened = []
    for tool in TOOLS:
        row = row_of(policy, tool)
        with_token = await signals(bench, tool, mine, client)
        without = await signals(bench, tool, None, client)
        operation = Operation("tools/call", tool)
        decision = policy.decide(identity, operation)
        public = row is not None and row.public

        assert with_token.admitted == decision.allowed
        assert explain(policy, identity, operation).decision == decision
        assert listed[tool] == expected_schemes(row)
        # Without a token: exactly what is public is admitted.
        assert without.admitted == public
        if not without.admitted:
            first = bench.guard.pipeline.challenge.scopes
            needed = (
                row.scopes if row is not None and drawn.policy.serves_strangers else frozenset()
            )
            assert without.scopes == first | needed
            assert without.challenge is not None
            assert without.challenge["resource_metadata"] == METADATA
            happened.append("without a token")
        if decision.reason == "scope-missing":
            assert row is not None
            assert with_token.scopes == row.scopes == decision.scopes
            assert with_token.challenge is not None
            assert with_token.challenge["error"] == "insufficient_scope"
            assert " ".join(sorted(row.scopes)) in with_token.sentence
            assert row.scopes <= supported
            enough = bench.token(row.scopes, frozenset(ROLES), drawn.kind)
            assert (await signals(bench, tool, enough, client)).admitted or not all(row.roles)
            happened.append("scope-missing")
        elif not decision.allowed:
            # No sign-in changes it, so nothing invites to one.
            assert (with_token.challenge, with_token.result) == (None, None)
            happened.append(decision.reason)
        else:
            happened.append("public" if public else "allowed")
        _require_form(drawn, with_token, without)
    assert bench.guard.pipeline.challenge.scopes <= supported
    return happened


def _require_form(drawn: Drawn, with_token: Signals, without: Signals) -> None:
    """Assert that a challenge came in the form of the client, whatever the tool is."""
    for has_token, found in ((True, with_token), (False, without)):
        form = "http"
        # Without anything public, a request without a token is refused before it is read.
        if drawn.client is not None and (has_token or drawn.policy.serves_strangers):
            assert drawn.client.connection is not None
            if recognized(drawn.client):
                form = refusal_form(drawn.client.connection, has_token=has_token)
        if found.challenge is not None:
            assert (found.result is not None) == (form == "tool-result")


def recognized(client: McpClient) -> bool:
    """Return whether its user agent alone says which client it is."""
    assert client.connection is not None
    agent = client.connection.user_agent.value
    return recognize(client_id=None, client_name=None, user_agent=agent) == client


@proves("S220", "accepts", "hosted client declaration")
@proves("S220", "refuses", "hosted client declaration")
@settings(max_examples=60, deadline=None)
@given(situations())
async def test_every_signal_says_what_the_pipeline_decides(drawn: Drawn) -> None:
    await agree(drawn)


@proves("S220", "accepts", "hosted client declaration")
@proves("S220", "refuses", "hosted client declaration")
@pytest.mark.parametrize("client", [None, *ROWS], ids=lambda one: getattr(one, "name", "unknown"))
async def test_a_policy_with_everything_in_it_agrees_for_every_client(
    client: McpClient | None,
) -> None:
    found = {
        ("tools/call", "a"): Rule(public=True),
        ("tools/call", "b"): Rule({"t"}),
        ("tools/call", "c"): Rule(roles={"chief"}),
    }
    policy = Policy(base=Rule({"s"}), rules=found)
    mine = frozenset({"s"})

    happened = await agree(Drawn(policy, mine, frozenset(), "person", client))

    assert set(happened) == {
        "public",
        "scope-missing",
        "role-missing",
        "unknown-operation",
        "without a token",
    }


@proves("S220", "refuses", "hosted client declaration")
async def test_no_signal_invites_to_a_tool_that_nobody_may_call() -> None:
    public = {("tools/call", "a"): Rule(public=True)}
    beside = {("tools/call", "b"): [Rule({"s"}, kinds={"service"})]}
    policy = DeclaredPolicy(Policy(base=Rule(kinds={"person"}), rules=public), Declared(beside))

    happened = await agree(Drawn(policy, frozenset({"s"}), frozenset(), "person", None))

    assert "kind-not-allowed" in happened
