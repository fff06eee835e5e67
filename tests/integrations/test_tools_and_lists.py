"""What is written beside a tool decides over HTTP, in modern and legacy revisions and both forms of answer."""

# mypy: disable-error-code="untyped-decorator"

import json
from typing import Any

import httpx2
import pytest

from doorward.integrations.declared_rules import requires
from doorward.policy import Policy, Rule
from tests.integrations.conftest import Library
from tests.integrations.guarded_server import GuardedServer

FORMS = pytest.mark.parametrize("json_response", [True, False], ids=["json", "sse"])
REVISIONS = pytest.mark.parametrize("revision", ["modern", "legacy"])


def result_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer, whichever form it came in."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
        message: dict[str, Any] = json.loads([line for line in lines if line.strip()][-1])
    else:
        message = answer.json()
    return message


def names(answer: httpx2.Response, member: str, name: str = "name") -> set[str]:
    """Return what a list names."""
    return {one[name] for one in result_of(answer)["result"][member]}


@FORMS
@REVISIONS
async def test_a_missing_scope_is_a_403_with_all_required_scopes(
    library: Library, shop: Any, guarded_server: GuardedServer, revision: str, json_response: bool
) -> None:
    app = library.protect(shop, guarded_server.guard, json_response=json_response)
    async with guarded_server.serving(app), guarded_server.http("alice") as http:
        ask = getattr(guarded_server, revision)
        refused = await ask(http, "tools/call", name="refund", arguments={"order": "7"})
        served = await ask(http, "tools/call", name="who", arguments={})

    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="mcp:read shop:refund"' in refused.headers["www-authenticate"]
    assert served.status_code == 200
    assert result_of(served)["result"]["content"][0]["text"] == "alice alice"
    assert {event.reason for event in guarded_server.events} >= {"allowed", "scope-missing"}


@FORMS
@REVISIONS
async def test_a_missing_role_is_a_403_without_a_challenge(
    library: Library, shop: Any, guarded_server: GuardedServer, revision: str, json_response: bool
) -> None:
    app = library.protect(shop, guarded_server.guard, json_response=json_response)
    call: dict[str, Any] = {"name": "refund", "arguments": {"order": "7"}}
    async with (
        guarded_server.serving(app),
        guarded_server.http("mia", "shop:refund", roles=("manager",)) as mia,
        guarded_server.http("bob", "shop:refund", roles=("clerk",)) as bob,
    ):
        ask = getattr(guarded_server, revision)
        served = await ask(mia, "tools/call", **call)
        refused = await ask(bob, "tools/call", **call)

    assert result_of(served)["result"]["content"][0]["text"] == "refunded 7"
    assert refused.status_code == 403
    assert "www-authenticate" not in refused.headers
    assert result_of(refused)["error"]["data"]["reason"] == "not-permitted"


@REVISIONS
async def test_rules_apply_to_prompts_and_resources(
    library: Library, shop: Any, guarded_server: GuardedServer, revision: str
) -> None:
    app = library.protect(shop, guarded_server.guard)
    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        ask = getattr(guarded_server, revision)
        hello = await ask(alice, "prompts/get", name="hello")
        apology = await ask(alice, "prompts/get", name="apology", arguments={"order": "7"})
        prices = await ask(alice, "resources/read", uri="shop://prices")
        margins = await ask(alice, "resources/read", uri="shop://margins")
        order = await ask(alice, "resources/read", uri="shop://orders/7")

    assert [hello.status_code, prices.status_code] == [200, 200]
    assert result_of(prices)["result"]["contents"][0]["text"] == "cheap"
    assert [one.status_code for one in (apology, margins, order)] == [403, 403, 403]


async def test_a_tool_without_any_rule_is_refused_and_not_listed(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    app = library.protect(shop, guarded_server.guard)
    async with (
        guarded_server.serving(app),
        guarded_server.http("mia", "shop:refund", roles=("manager",)) as mia,
    ):
        refused = await guarded_server.modern(mia, "tools/call", name="forgotten", arguments={})
        listed = await guarded_server.modern(mia, "tools/list")

    assert refused.status_code == 400
    assert result_of(refused)["error"]["data"]["reason"] == "unknown-operation"
    assert "forgotten" not in names(listed, "tools")


async def test_a_tool_added_later_is_refused_without_a_rule(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    async def late() -> str:
        """Come late."""
        return "late"

    app = library.protect(shop, guarded_server.guard)
    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        shop.tool()(late)
        unruled = await guarded_server.modern(alice, "tools/call", name="late", arguments={})

        @shop.tool()
        @requires(scopes={"shop:late"})
        async def later() -> str:
            """Come even later."""
            return "later"

        ruled = await guarded_server.modern(alice, "tools/call", name="later", arguments={})

    assert (unruled.status_code, ruled.status_code) == (400, 403)
    assert 'scope="mcp:read shop:late"' in ruled.headers["www-authenticate"]


@REVISIONS
async def test_lists_contain_only_what_the_caller_may_use(
    library: Library, shop: Any, guarded_server: GuardedServer, revision: str
) -> None:
    app = library.protect(shop, guarded_server.guard)
    everything: tuple[tuple[str, str, str], ...] = (
        ("tools/list", "tools", "name"),
        ("prompts/list", "prompts", "name"),
        ("resources/list", "resources", "uri"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    )
    seen: dict[str, list[set[str]]] = {}
    async with (
        guarded_server.serving(app),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:refund", roles=("manager",)) as mia,
    ):
        for method, member, name in everything:
            for http in (alice, mia):
                answer = await getattr(guarded_server, revision)(http, method)
                seen.setdefault(method, []).append(names(answer, member, name))
                assert result_of(answer)["result"].get("cacheScope", "private") == "private"

    assert seen["tools/list"][0] == {"who", "who_in_a_thread", "greet"}
    assert seen["tools/list"][1] == {"who", "who_in_a_thread", "greet", "refund"}
    assert seen["prompts/list"] == [{"hello"}, {"hello", "apology"}]
    assert seen["resources/list"] == [{"shop://prices"}, {"shop://prices", "shop://margins"}]
    assert seen["resources/templates/list"] == [set(), {"shop://orders/{number}"}]


async def test_the_operators_policy_and_the_authors_rule_must_both_be_met(
    library: Library, shop: Any
) -> None:
    rules = {("tools/call", "who"): Rule(scopes={"shop:staff"}), ("tools/call", "*"): Rule()}
    guarded_server = GuardedServer(Policy(base=Rule(scopes={"mcp:read"}), rules=rules))
    app = library.protect(shop, guarded_server.guard)
    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        who = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        refund = await guarded_server.modern(
            alice, "tools/call", name="refund", arguments={"order": "7"}
        )
        forgotten = await guarded_server.modern(alice, "tools/call", name="forgotten", arguments={})

    assert 'scope="mcp:read shop:staff"' in who.headers["www-authenticate"]
    # The operator's rule for all tools does not loosen what the author wrote for one.
    assert refund.status_code == 403
    assert forgotten.status_code == 200


async def test_a_broad_scope_includes_the_narrow_scope_of_a_tool(
    library: Library, shop: Any
) -> None:
    guarded_server = GuardedServer(
        Policy(base=Rule(scopes={"mcp:read"}), hierarchy={"shop:admin": {"shop:refund"}})
    )
    app = library.protect(shop, guarded_server.guard)
    async with (
        guarded_server.serving(app),
        guarded_server.http("mia", "shop:admin", roles=("manager",)) as mia,
    ):
        refund = await guarded_server.modern(
            mia, "tools/call", name="refund", arguments={"order": "7"}
        )
        listed = await guarded_server.modern(mia, "tools/list")

    assert result_of(refund)["result"]["content"][0]["text"] == "refunded 7"
    assert "refund" in names(listed, "tools")


async def test_the_metadata_lists_the_scopes_of_the_authors(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    app = library.protect(shop, guarded_server.guard)
    async with guarded_server.serving(app), httpx2.AsyncClient() as http:
        found = await http.get(f"{guarded_server.base}/.well-known/oauth-protected-resource/mcp")
        challenged = await http.post(guarded_server.resource, json={})

    assert found.json()["scopes_supported"] == ["mcp:read", "shop:refund"]
    assert challenged.status_code == 401
    assert 'scope="mcp:read"' in challenged.headers["www-authenticate"]
    assert "error=" not in challenged.headers["www-authenticate"]
