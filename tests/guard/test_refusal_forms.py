"""A refused tool call reaches each client in the form on which it acts."""

import json
from typing import Any

import httpx2
import pytest

from doorward import Policy, Rule
from doorward.errors import ConfigurationError
from doorward.idp.clients import CLIENTS
from doorward.idp.clients.recognition import recognize, refusal_form
from doorward.policy import EVERY
from doorward.wire.oauth.challenge import parse_challenges
from tests.guard.bench import (
    METADATA,
    NOW,
    Bench,
    bearer,
    challenge,
    error,
    message,
    modern,
    routing,
    token,
)

CHATGPT = {"user-agent": "openai-mcp/1.0.0"}
POLICY = Policy(
    base=Rule("mcp:read"),
    rules={
        ("tools/call", "hello"): Rule(public=True),
        ("tools/call", "add"): Rule({"mcp:tools", "mcp:add"}),
        ("tools/call", "fire"): Rule(roles="manager"),
        ("prompts/get", EVERY): Rule("mcp:prompts"),
    },
)
ALICE = bearer(token("mcp:read"))


def bench(**options: Any) -> Bench:
    return Bench(policy=POLICY, **options)


def tool_error(answer: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Return the sentence of a tool error, and the parameters of its challenge."""
    assert answer.status_code == 200
    assert "www-authenticate" not in answer.headers
    message = answer.json()
    assert message["id"] == 1
    result = message["result"]
    assert result["isError"] is True
    (said,) = result["content"]
    (header,) = result["_meta"]["mcp/www_authenticate"]
    (found,) = parse_challenges(header)
    assert found.scheme == "bearer"
    return said["text"], dict(found.params)


async def test_chatgpt_gets_the_scopes_it_needs_in_the_result_of_the_tool() -> None:
    made = bench()
    answer = await made.call("add", token("mcp:read"), **CHATGPT)

    text, params = tool_error(answer)
    assert params == {
        "error": "insufficient_scope",
        "error_description": "This operation needs the scopes: mcp:add mcp:read mcp:tools.",
        "scope": "mcp:add mcp:read mcp:tools",
        "resource_metadata": METADATA,
    }
    assert text.startswith(params["error_description"])
    assert text.endswith(f" {METADATA}")
    assert "resultType" not in answer.json()["result"]
    assert answer.headers["x-correlation-id"] == made.events[-1].correlation_id
    assert answer.headers["cache-control"] == "no-store"
    assert (made.events[-1].decision, made.events[-1].reason, made.events[-1].status) == (
        "refused",
        "scope-missing",
        200,
    )
    assert made.seen == []


async def test_the_result_is_complete_in_2026_07_28() -> None:
    answer = await bench().ask(
        json=modern("tools/call", name="add"),
        headers=ALICE | CHATGPT | routing("tools/call", "add"),
    )

    tool_error(answer)
    assert answer.json()["result"]["resultType"] == "complete"


async def test_the_sentence_has_the_page_for_people_if_there_is_one() -> None:
    page = "https://mcp.example/how-to-sign-in"
    made = bench(resource_documentation=page)

    text, params = tool_error(await made.call("add", token("mcp:read"), **CHATGPT))

    assert text.endswith(f" {page}")
    assert params["resource_metadata"] == METADATA


async def test_chatgpt_learns_without_a_token_that_it_must_sign_in() -> None:
    _, params = tool_error(await bench().call("add", **CHATGPT))

    # OpenAI requires an error, which a challenge over HTTP does not have without a token.
    assert params["error"] == "insufficient_scope"
    assert params["error_description"] == "This server needs an access token."
    assert params["scope"] == "mcp:add mcp:read mcp:tools"


@pytest.mark.parametrize("agent", ["openai-mcp/1", "node"])
async def test_where_names_are_hidden_a_stranger_learns_none(agent: str) -> None:
    rules = {("tools/call", "hello"): Rule(public=True), ("tools/call", "add"): Rule("mcp:add")}
    made = Bench(policy=Policy(base=Rule("mcp:read"), rules=rules), hide_refused=True)
    found = [await made.call(name, **{"user-agent": agent}) for name in ("add", "none")]

    for answer in found:
        assert "mcp:add" not in answer.text + answer.headers.get("www-authenticate", "")
    assert found[0].status_code == found[1].status_code


@pytest.mark.parametrize(
    "agent", ["node", "Claude-User", "Visual Studio Code/1.122.0", "", "curl/8"]
)
async def test_other_clients_get_a_status_and_a_challenge(agent: str) -> None:
    made = bench()
    without = await made.call("add", **{"user-agent": agent})
    fewer = await made.call("add", token("mcp:read"), **{"user-agent": agent})

    assert (without.status_code, fewer.status_code) == (401, 403)
    # All that the call needs: most clients act on one challenge for each call.
    assert 'scope="mcp:add mcp:read mcp:tools"' in challenge(without)
    assert 'scope="mcp:add mcp:read mcp:tools"' in challenge(fewer)


@pytest.mark.parametrize("agent", ["claude-code/2.1.280 (cli)", "codex-mcp-client/0.147.0"])
async def test_a_client_that_ignores_403_in_a_call_gets_a_sentence_and_signs_in_after_401(
    agent: str,
) -> None:
    made = bench()
    without = await made.call("add", **{"user-agent": agent})
    text, params = tool_error(await made.call("add", token("mcp:read"), **{"user-agent": agent}))

    assert without.status_code == 401
    assert params["scope"] == "mcp:add mcp:read mcp:tools"
    assert "mcp:add mcp:read mcp:tools" in text


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (message("tools/call", name="fire"), {}),
        (message("tools/call", name="none"), {}),
        (message("prompts/get", name="letter"), {}),
        (message("tools/list"), {}),
        ({key: one for key, one in message("tools/call", name="add").items() if key != "id"}, {}),
        (modern("tools/call", name="fire"), routing("tools/call", "fire")),
    ],
    ids=["a role", "unknown", "a prompt", "a list", "a notification", "a role in 2026"],
)
async def test_what_no_sign_in_changes_and_what_is_no_call_stays_http(
    sent: dict[str, Any], headers: dict[str, str]
) -> None:
    made = bench()
    caller = bearer(token("mcp:read" if sent["method"] != "tools/list" else "other"))
    answer = await made.ask(json=sent, headers=caller | CHATGPT | headers)
    usual = await made.ask(json=sent, headers=caller | headers)

    assert answer.status_code == usual.status_code >= 400
    assert answer.headers.get("www-authenticate") == usual.headers.get("www-authenticate")


@pytest.mark.parametrize("given", [token("mcp:read", exp=NOW - 3600), "x", "a.b.c"])
async def test_a_token_that_is_not_accepted_is_401_for_every_client(given: str) -> None:
    made = bench()
    answer = await made.call("add", given, **CHATGPT)
    public = await made.call("hello", given, **CHATGPT)

    assert answer.status_code == public.status_code == 401
    assert 'error="invalid_token"' in challenge(answer)


async def test_without_a_public_rule_a_missing_token_is_401_before_the_body_is_read() -> None:
    answer = await Bench().call("add", **CHATGPT)
    unreadable = await Bench().ask(content=b"{", headers=CHATGPT)

    assert answer.status_code == unreadable.status_code == 401


async def test_what_a_client_claims_changes_the_form_and_admits_nothing() -> None:
    made = bench()
    claims = [{}, CHATGPT, {"user-agent": "claude-code/1"}, {"user-agent": "x" * 5000}]
    for claim in claims:
        await made.call("add", token("mcp:read"), **claim)
        await made.call("fire", token("mcp:read"), **claim)
        await made.call("add", None, **claim)

    assert made.seen == []
    assert {one.decision for one in made.events} == {"refused"}


async def test_an_unavailable_issuer_stays_503(monkeypatch: pytest.MonkeyPatch) -> None:
    from doorward.errors import KeysUnavailable

    made = bench()

    async def fails(_token: bytes) -> Any:
        raise KeysUnavailable("down")

    monkeypatch.setattr(made.guard.verifier, "verify", fails)
    answer = await made.call("add", token("mcp:read", "new"), **CHATGPT)

    assert answer.status_code == 503
    assert error(answer)["data"]["reason"] == "keys-unavailable"


async def test_what_is_hidden_stays_hidden() -> None:
    rules = {("tools/call", "add"): Rule("mcp:add"), ("tools/call", "hello"): Rule()}
    made = Bench(policy=Policy(base=Rule("mcp:read"), rules=rules), hide_refused=True)
    hidden = await made.call("add", token("mcp:read"), **CHATGPT)

    assert hidden.status_code == 400
    assert error(hidden)["data"]["reason"] == "unknown-operation"
    assert "mcp:add" not in hidden.text


async def test_the_operator_chooses_the_form_of_a_client_and_of_all_others() -> None:
    made = bench(refusal_forms={"chatgpt": "http", "codex": "http", "*": "tool-result"})
    sent = token("mcp:read")

    assert (await made.call("add", sent, **CHATGPT)).status_code == 403
    assert (await made.call("add", None, **CHATGPT)).status_code == 401
    assert (await made.call("add", sent, **{"user-agent": "codex-mcp-client/9"})).status_code == 403
    tool_error(await made.call("add", sent, **{"user-agent": "somebody"}))
    # Known, so the form for all others is not meant for it.
    assert (await made.call("add", sent, **{"user-agent": "Claude-User"})).status_code == 403


@pytest.mark.parametrize(
    ("forms", "reason"),
    [
        ({"chatgtp": "http"}, "unknown-mcp-client"),
        ({"doorward": "http"}, "unknown-mcp-client"),
        ({"chatgpt": "sentence"}, "unknown-refusal-form"),
        ({"*": ""}, "unknown-refusal-form"),
    ],
)
def test_a_form_that_nobody_knows_is_refused_at_start_up(forms: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        bench(refusal_forms=forms)
    assert refused.value.reason == reason


def test_a_client_is_recognized_by_its_document_before_its_claims() -> None:
    document = "https://chatgpt.com/oauth/client.json"

    def name(**sent: Any) -> str | None:
        found = recognize(**{"client_id": None, "client_name": None, "user_agent": "", **sent})
        return None if found is None else found.name

    assert name(client_id=document, client_name="claude-ai", user_agent="Claude-User") == "chatgpt"
    assert name(client_name="claude-ai", user_agent="openai-mcp/1") == "claude"
    assert name(client_id="registered-1", user_agent="OpenAI-MCP/2.3 (x)") == "chatgpt"
    # A prefix of a URL, a longer product, and a product that several clients share say nothing.
    assert name(client_id=document + "x") is None
    assert name(user_agent="openai-mcp-proxy/1") is None
    assert name(user_agent="node") is None
    assert name(client_name="") is None


def test_every_client_can_be_recognized_and_has_a_form() -> None:
    forms = {}
    for client in CLIENTS:
        if client.connection is not None:
            facts = client.connection
            assert recognize(client_id=None, client_name=facts.client_name.value, user_agent="")
            forms[client.name] = [refusal_form(facts, has_token=one) for one in (False, True)]

    both = ["http", "http"]
    assert forms == {
        "claude": both,
        "claude-code": ["http", "tool-result"],
        "chatgpt": ["tool-result", "tool-result"],
        "vscode": both,
        "cursor": both,
        "codex": ["http", "tool-result"],
        "gemini-cli": both,
        "mcp-remote": both,
        "inspector": both,
    }


async def test_the_name_in_a_request_of_2026_07_28_is_read() -> None:
    sent = modern("tools/call", name="add")
    sent["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = {"name": "openai-mcp"}
    answer = await bench().ask(json=sent, headers=ALICE | routing("tools/call", "add"))
    odd: Any
    for odd in ({"name": 1}, [], None):
        sent["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = odd
        usual = await bench().ask(json=sent, headers=ALICE | routing("tools/call", "add"))
        assert usual.status_code == 403

    assert json.loads(answer.content)["result"]["isError"]
