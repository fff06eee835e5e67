"""Advertised tools: lists show them before a sign-in, and nothing else changes."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from fastmcp import FastMCP
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.server.mcpserver import MCPServer

from doorward import Identity, McpServer, Policy, Rule
from doorward.errors import ConfigurationError
from doorward.identity import Kind
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.policy import Operation
from doorward.policy.matrix import matrix_of
from doorward.policy.snapshot import changes
from doorward.testing import TokenMint
from tests.guard.public_servers import RESOURCE, AnyServer, NewGuard, guards
from tests.guard.test_public import message, names, send
from tests.ledger import proves
from tests.mcp_server.rpc_client import person
from tests.quickstart.calling import call, serving

# mypy: disable-error-code="untyped-decorator"

BASE = Rule(scopes={"shop:read"})
TOOLS = ("one", "two", "three")
REFUND = Rule(scopes={"shop:refund"}, advertised=True)
Rules = dict[tuple[str, str], Rule]


@pytest.fixture(scope="module")
def mint() -> TokenMint:
    return TokenMint(issuer="https://login.example", audience=RESOURCE)


def own(new_guard: NewGuard, rules: Rules) -> Any:
    server = McpServer("shop", version="1")
    for name in TOOLS:

        @server.tool(name=name)
        async def tool() -> str:
            return "done"

    policy = Policy(base=BASE, rules=rules)
    server.decide = lambda who, what: policy.decide(who, what).allowed
    server.shows = lambda who, what: policy.decide(who, what).is_listed
    return new_guard(policy).protect(server.asgi)


def declared_own(new_guard: NewGuard, rules: Rules) -> Any:
    """Without a decision, lists follow the rules as they are written."""
    server = McpServer("shop", version="1")
    for name in TOOLS:
        rule = rules.get(("tools/call", name), Rule(roles={"nobody"}))

        @server.tool(
            name=name,
            scopes=rule.scopes if rule.public else rule.scopes | BASE.scopes,
            roles=rule.roles,
            public=rule.public,
            advertised=rule.advertised,
        )
        async def tool() -> str:
            return "done"

    return new_guard(Policy(base=BASE, rules=rules)).protect(server.asgi)


def sdk(new_guard: NewGuard, rules: Rules) -> Any:
    server = MCPServer("shop")
    for name in TOOLS:
        server.tool(name=name)(_tool())
    return with_sdk.protect(server, new_guard(Policy(base=BASE, rules=rules)))


def declared_sdk(new_guard: NewGuard, rules: Rules) -> Any:
    server = MCPServer("shop")
    for name in TOOLS:
        server.tool(name=name)(_declared(with_sdk.requires, rules, name))
    return with_sdk.protect(server, new_guard(Policy(base=BASE)))


def fastmcp(new_guard: NewGuard, rules: Rules) -> Any:
    server: FastMCP[Any] = FastMCP("shop")
    for name in TOOLS:
        server.tool(name=name)(_tool())
    return with_fastmcp.protect(server, new_guard(Policy(base=BASE, rules=rules)))


def declared_fastmcp(new_guard: NewGuard, rules: Rules) -> Any:
    server: FastMCP[Any] = FastMCP("shop")
    for name in TOOLS:
        server.tool(name=name)(_declared(with_fastmcp.requires, rules, name))
    return with_fastmcp.protect(server, new_guard(Policy(base=BASE)))


def any_server(new_guard: NewGuard, rules: Rules) -> Any:
    """It lists all of its tools to everybody, so only strangers' lists are shortened."""
    return new_guard(Policy(base=BASE, rules=rules)).protect(AnyServer(*TOOLS))


SERVERS: dict[str, Callable[[NewGuard, Rules], Any]] = {
    one.__name__: one for one in (own, declared_own, sdk, declared_sdk, fastmcp, declared_fastmcp)
}


def _tool() -> Callable[[], str]:
    def tool() -> str:
        return "done"

    return tool


def _declared(requires: Any, rules: Rules, name: str) -> Any:
    rule = rules.get(("tools/call", name))
    if rule is None:
        return _tool()
    marked = requires(
        scopes=rule.scopes, roles=rule.roles, public=rule.public, advertised=rule.advertised
    )
    return marked(_tool())


RULE = st.one_of(
    st.just(Rule(public=True)),
    st.builds(
        Rule,
        st.sampled_from([(), ("shop:refund",)]),
        st.sampled_from([(), ("manager",)]),
        advertised=st.booleans(),
    ),
)
RULES = st.dictionaries(st.sampled_from(TOOLS), RULE)
CALLERS: dict[str, tuple[set[str], set[str]] | None] = {
    "a stranger": None,
    "a caller without scopes": ({"other"}, set()),
    "a reader": ({"shop:read"}, set()),
    "a manager": ({"shop:read"}, {"manager"}),
    "a refunder": ({"shop:read", "shop:refund"}, set()),
}


def shown(rules: Rules, caller: tuple[set[str], set[str]] | None) -> set[str]:
    """Return the tools that a caller may see, in words of its own."""
    found = set()
    for (_, name), rule in rules.items():
        if caller is None:
            is_shown = rule.public or rule.advertised
        else:
            scopes, roles = caller
            lacks_scopes = not {*BASE.scopes, *rule.scopes} <= scopes
            lacks_roles = bool(rule.roles) and rule.roles.isdisjoint(roles)
            is_shown = rule.public or (rule.advertised if lacks_scopes else not lacks_roles)
        if is_shown:
            found.add(name)
    return found


@proves("S219", "refuses", "public by name only")
@pytest.mark.parametrize("kind", SERVERS)
@settings(max_examples=12, deadline=None)
@given(rules=RULES)
async def test_what_is_listed_to_whom_follows_from_the_policy_alone(
    mint: TokenMint, kind: str, rules: dict[str, Rule]
) -> None:
    ruled = {("tools/call", name): rule for name, rule in rules.items()}
    app = SERVERS[kind](guards(mint), ruled)
    serves_strangers = any(rule.public or rule.advertised for rule in rules.values())
    async with serving(app) as client:
        for caller in CALLERS.values():
            token = None
            if caller is not None:
                scopes, roles = caller
                token = mint.mint("alice", scopes=scopes, roles=sorted(roles))
            answer = await send(client, "tools/list", token)
            if caller is None and not serves_strangers:
                assert answer.status_code == 401
            elif caller is not None and "shop:read" not in caller[0]:
                assert answer.status_code == 403
            else:
                assert names(answer) == shown(ruled, caller)


@settings(max_examples=200, deadline=None)
@given(rules=RULES, kind=st.sampled_from(get_args(Kind)), caller=st.sampled_from([*CALLERS]))
def test_an_advertised_rule_admits_nobody(rules: dict[str, Rule], kind: Kind, caller: str) -> None:
    plain = {
        ("tools/call", name): Rule(rule.scopes, rule.roles, public=rule.public)
        for name, rule in rules.items()
    }
    ruled = {("tools/call", name): rule for name, rule in rules.items()}
    who = CALLERS[caller]
    identity: Identity | None = None
    if who is not None:
        identity = person("alice", *who[0], roles=tuple(who[1]), kind=kind)
    for name in TOOLS:
        operation = Operation("tools/call", name)
        before = Policy(base=BASE, rules=plain).decide(identity, operation)
        after = Policy(base=BASE, rules=ruled).decide(identity, operation)
        assert (after.allowed, after.reason) == (before.allowed, before.reason)


@proves("S219", "accepts", "public by name only")
@pytest.mark.parametrize("kind", ["own", "sdk", "fastmcp", "declared_fastmcp"])
async def test_calling_an_advertised_tool_asks_for_the_sign_in(mint: TokenMint, kind: str) -> None:
    app = SERVERS[kind](guards(mint), {("tools/call", "one"): REFUND})
    async with serving(app) as client:
        (tool,) = message(await send(client, "tools/list"))["result"]["tools"]
        called = await call(client, None, "one")
        lacking = await call(client, mint.mint("alice", scopes={"shop:read"}), "one")
        able = await call(client, mint.mint("alice", scopes={"shop:read", "shop:refund"}), "one")

    assert tool["securitySchemes"] == [{"type": "oauth2", "scopes": ["shop:read", "shop:refund"]}]
    assert called.status_code == 401
    assert 'scope="shop:read shop:refund"' in called.headers["www-authenticate"]
    assert lacking.status_code == 403
    assert 'error="insufficient_scope"' in lacking.headers["www-authenticate"]
    assert able.status_code == 200


async def test_chatgpt_gets_the_challenge_of_an_advertised_tool_in_the_result(
    mint: TokenMint,
) -> None:
    new_guard = guards(mint, refusal_forms={"*": "tool-result"})
    app = any_server(new_guard, {("tools/call", "one"): REFUND})
    async with serving(app) as client:
        refused = message(await call(client, None, "one"))["result"]

    assert refused["isError"] is True
    assert "shop:refund" in refused["_meta"]["mcp/www_authenticate"][0]


async def test_hiding_hides_no_tool_that_lists_show(mint: TokenMint) -> None:
    rules = {("tools/call", "one"): REFUND, ("tools/call", "two"): Rule(scopes={"shop:refund"})}
    app = own(guards(mint, hide_refused=True), rules)
    reader = mint.mint("alice", scopes={"shop:read"})
    async with serving(app) as client:
        listed = names(await send(client, "tools/list", reader))
        shown, hidden = await call(client, reader, "one"), await call(client, reader, "two")
        strangers = [await call(client, None, one) for one in ("one", "two")]

    assert listed == {"one"}
    assert (shown.status_code, hidden.status_code) == (403, 400)
    challenges = [one.headers["www-authenticate"] for one in strangers]
    assert "shop:refund" in challenges[0]
    assert "shop:refund" not in challenges[1]


async def test_both_sides_must_advertise_a_tool(mint: TokenMint) -> None:
    server = MCPServer("shop")
    server.tool(name="one")(with_sdk.requires(scopes={"shop:refund"})(_tool()))
    declared = with_sdk.requires(scopes={"shop:refund"}, advertised=True)
    server.tool(name="two")(declared(_tool()))
    server.tool(name="three")(declared(_tool()))
    rules = {("tools/call", "one"): REFUND, ("tools/call", "two"): Rule(scopes={"shop:refund"})}
    app = with_sdk.protect(server, guards(mint)(Policy(base=BASE, rules=rules)))
    async with serving(app) as client:
        assert names(await send(client, "tools/list")) == {"three"}


@pytest.mark.parametrize(
    "key",
    [
        ("tools/call", "*"),
        ("resources/read", "notes://{id}"),
        ("tools/list", "*"),
        ("completion/complete", "x"),
    ],
)
def test_an_advertised_rule_is_for_one_name(key: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(rules={key: REFUND})
    assert refused.value.reason == "advertised-not-by-name"


def test_the_base_rule_cannot_be_advertised() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(base=REFUND)
    assert refused.value.reason == "advertised-not-by-name"


def test_a_snapshot_notices_that_a_tool_is_advertised() -> None:
    def of(*, advertised: bool) -> Policy:
        return Policy(rules={("tools/call", "one"): Rule({"a"}, advertised=advertised)})

    plain, marked = of(advertised=False), of(advertised=True)
    assert [one.what for one in changes(matrix_of(plain), marked)] == ["wider"]
    assert list(changes(matrix_of(marked), plain)) == []
