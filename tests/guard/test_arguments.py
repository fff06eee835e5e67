"""Conditions over arguments: the guard decides on what the server behind it reads."""

import json
from typing import Any

import pytest

from doorward.policy import EVERY, Policy, Rule
from tests.guard.bench import Bench, bearer, error, message, modern, routing, token

POLICY = Policy(
    base=Rule("mcp:read"),
    rules={
        ("tools/call", "refund"): Rule(
            arguments={
                "amount": {"type": "integer", "minimum": 1, "maximum": 100},
                "user_id": {"claim": "sub"},
            }
        ),
        ("tools/call", "post"): Rule(arguments={"group": {"claim": "groups"}}),
        ("tools/call", "search"): Rule(
            arguments={"where": {"type": "string", "pattern": "^public/[a-z]+$"}}
        ),
        ("tools/call", "read"): Rule(),
        ("prompts/get", "letter"): Rule(arguments={"tone": {"enum": ["kind", "plain"]}}),
        ("resources/read", "notes://{owner}/{+path}"): Rule(arguments={"owner": {"claim": "sub"}}),
    },
)
GOOD = bearer(token("mcp:read", groups=["sales", "support"]))
FITTING = {"amount": 5, "user_id": "alice"}


async def call(at: Bench, tool: str, arguments: Any, **more: Any) -> Any:
    """Call a tool as a client of a legacy protocol revision does."""
    return await at.ask(
        json=message("tools/call", name=tool, arguments=arguments, **more), headers=GOOD
    )


async def send(at: Bench, arguments: str, **headers: str) -> Any:
    """Send the text of arguments for ``refund`` as it is."""
    body = (
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":'
        f"{arguments}}}}}"
    )
    return await at.ask(
        content=body, headers={**GOOD, "content-type": "application/json", **headers}
    )


async def test_a_call_that_meets_its_conditions_reaches_the_server() -> None:
    at = Bench(policy=POLICY)

    answer = await call(at, "refund", {**FITTING, "note": "anything"})

    assert answer.status_code == 200
    assert len(at.seen) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {**FITTING, "amount": 101},
        {**FITTING, "amount": 0},
        {**FITTING, "amount": "5"},
        {**FITTING, "amount": 5.5},
        {**FITTING, "amount": True},
        {**FITTING, "amount": [5]},
        {**FITTING, "amount": None},
        {**FITTING, "user_id": "bob"},
        {**FITTING, "user_id": ["alice"]},
        {**FITTING, "user_id": "alice "},
        {**FITTING, "user_id": "Alice"},
        {**FITTING, "user_id": None},
        {"user_id": "alice"},
        {"amount": 5},
        {**FITTING, "USER_ID": "bob"},
        {**FITTING, "userId": "bob"},
        {**FITTING, "u\u017fer_id": "bob"},
        {**FITTING, "user-id": "alice"},
        {**FITTING, "ａmount": 500},
        {},
        None,
        [],
        "amount",
    ],
)
async def test_a_call_that_does_not_meet_them_never_reaches_the_server(arguments: Any) -> None:
    at = Bench(policy=POLICY)

    answer = await call(at, "refund", arguments)

    assert answer.status_code == 403
    assert error(answer)["data"]["reason"] == "argument-refused"
    # A new token would not help, so the client is not sent to get one.
    assert "www-authenticate" not in answer.headers
    assert not at.seen
    assert at.events[-1].reason == "argument-refused"


async def test_a_call_without_arguments_is_refused() -> None:
    at = Bench(policy=POLICY)

    answer = await at.ask(json=message("tools/call", name="refund"), headers=GOOD)

    assert answer.status_code == 403
    assert not at.seen


@pytest.mark.parametrize(
    "text", ['{"amount":1e1,"user_id":"alice"}', '{"amount":10.0,"user_id":"\\u0061lice"}']
)
async def test_another_spelling_of_the_same_value_is_accepted(text: str) -> None:
    at = Bench(policy=POLICY)

    assert (await send(at, text)).status_code == 200


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"amount":500,"user_id":"alice","amount":5}', 400),
        ('{"amount":5,"user_id":"bob","user_id":"alice"}', 400),
        ('{"amount":5,"user_id":"bob","user\\u005fid":"alice"}', 400),
        # A server that reads decimals gets more than 100.
        ('{"amount":100.00000000000000001,"user_id":"alice"}', 403),
        ('{"amount":5,"user_id":"alice","tax":0.10000000000000000001}', 403),
        ('{"amount":1e999,"user_id":"alice"}', 400),
        ('{"amount":NaN,"user_id":"alice"}', 400),
    ],
)
async def test_a_spelling_that_servers_read_differently_is_refused(text: str, status: int) -> None:
    at = Bench(policy=POLICY)

    assert (await send(at, text)).status_code == status
    assert not at.seen


async def test_an_integer_that_other_languages_round_is_refused() -> None:
    at = Bench(
        policy=Policy(
            rules={("tools/call", "refund"): Rule(arguments={"amount": {"type": "integer"}})}
        )
    )

    assert (await call(at, "refund", {"amount": 2**53 - 1})).status_code == 200
    assert (await call(at, "refund", {"amount": 2**53 + 1})).status_code == 403


async def test_a_batch_is_refused() -> None:
    at = Bench(policy=POLICY)
    one = message("tools/call", name="refund", arguments=FITTING)

    assert (await at.ask(json=[one, one], headers=GOOD)).status_code == 400
    assert not at.seen


async def test_arguments_elsewhere_do_not_count() -> None:
    at = Bench(policy=POLICY)
    params = {"name": "refund", "_meta": {"arguments": FITTING}}

    assert (await at.ask(json=message("tools/call", **params), headers=GOOD)).status_code == 403
    assert not at.seen


@pytest.mark.parametrize(
    ("group", "status"), [("sales", 200), ("board", 403), ("sales,board", 403)]
)
async def test_a_list_in_a_claim_admits_each_of_its_members(group: str, status: int) -> None:
    at = Bench(policy=POLICY)

    assert (await call(at, "post", {"group": group})).status_code == status


async def test_a_caller_without_the_claim_is_refused() -> None:
    at = Bench(policy=POLICY)
    asked = message("tools/call", name="post", arguments={"group": None})

    answer = await at.ask(json=asked, headers=bearer(token("mcp:read")))

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("where", "status"),
    [("public/a", 200), ("../public/a", 403), ("public/a\n", 403), ("public/../secret", 403)],
)
async def test_a_pattern_is_for_the_whole_text(where: str, status: int) -> None:
    at = Bench(policy=POLICY)

    assert (await call(at, "search", {"where": where})).status_code == status


async def test_the_refusal_says_what_was_expected_and_not_what_came() -> None:
    at = Bench(policy=POLICY)

    amount = error(await call(at, "refund", {"amount": "s3cret", "user_id": "alice"}))
    user = error(await call(at, "refund", {"amount": 5, "user_id": "s3cret"}))

    assert 'argument "amount" must match {"maximum": 100, "minimum": 1' in amount["message"]
    assert 'argument "user_id" must be the value of your own claim sub' in user["message"]
    assert "s3cret" not in json.dumps([amount, user])
    assert not any("s3cret" in one.detail for one in at.events)


async def test_a_tool_without_conditions_takes_any_arguments() -> None:
    at = Bench(policy=POLICY)

    answer = await call(at, "read", {"x": 2**70, "user_id": "bob"})

    assert answer.status_code == 200


async def test_a_caller_without_the_scope_hears_of_the_scope_first() -> None:
    at = Bench(policy=POLICY)
    asked = message("tools/call", name="refund", arguments={})

    answer = await at.ask(json=asked, headers=bearer(token("other")))

    assert error(answer)["data"]["reason"] == "scope-missing"


@pytest.mark.parametrize(
    ("arguments", "headers", "status"),
    [
        (FITTING, {}, 200),
        (FITTING, {"mcp-param-user": "alice", "mcp-param-amount": "5"}, 200),
        (FITTING, {"mcp-param-user": "=?base64?YWxpY2U=?="}, 200),
        (FITTING, {"mcp-param-user": "bob"}, 403),
        (FITTING, {"mcp-param-amount": "500"}, 403),
        ({**FITTING, "user_id": "bob"}, {"mcp-param-user": "alice"}, 403),
    ],
)
async def test_headers_that_repeat_arguments_have_their_values(
    arguments: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    at = Bench(policy=POLICY)

    answer = await at.ask(
        json=modern("tools/call", name="refund", arguments=arguments),
        headers={**GOOD, **routing("tools/call", "refund"), **headers},
    )

    assert answer.status_code == status


async def test_a_repeated_header_of_an_argument_is_refused() -> None:
    at = Bench(policy=POLICY)
    headers = {**GOOD, **routing("tools/call", "refund")}
    both = [*headers.items(), ("mcp-param-user", "alice"), ("mcp-param-user", "alice")]

    answer = await at.ask(json=modern("tools/call", name="refund", arguments=FITTING), headers=both)

    assert answer.status_code == 403


@pytest.mark.parametrize(("tone", "status"), [("kind", 200), ("rude", 403)])
async def test_a_prompt_has_conditions_too(tone: str, status: int) -> None:
    at = Bench(policy=POLICY)
    asked = message("prompts/get", name="letter", arguments={"tone": tone})

    assert (await at.ask(json=asked, headers=GOOD)).status_code == status


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("notes://alice/plans/a.txt", 200),
        ("notes://bob/plans/a.txt", 403),
        ("notes://alice%2Fbob/a.txt", 400),
        ("notes://ALICE/a.txt", 403),
        ("NOTES://bob/a.txt", 400),
    ],
)
@pytest.mark.parametrize("method", ["resources/read", "resources/subscribe"])
async def test_the_variables_of_a_resource_are_its_arguments(
    method: str, uri: str, status: int
) -> None:
    at = Bench(policy=POLICY)

    answer = await at.ask(json=message(method, uri=uri), headers=GOOD)

    assert answer.status_code == status


@pytest.mark.parametrize(("tone", "status"), [("kind", 200), ("r", 403)])
async def test_a_completer_gets_only_what_meets_the_conditions(tone: str, status: int) -> None:
    at = Bench(policy=POLICY)
    asked = message(
        "completion/complete",
        ref={"type": "ref/prompt", "name": "letter"},
        argument={"name": "to", "value": "b"},
        context={"arguments": {"tone": tone}},
    )

    assert (await at.ask(json=asked, headers=GOOD)).status_code == status


async def test_every_other_tool_can_have_one_condition() -> None:
    rules = {("tools/call", EVERY): Rule(arguments={"tenant": {"claim": "sub"}})}
    at = Bench(policy=Policy(rules=rules))

    assert (await call(at, "anything", {"tenant": "alice"})).status_code == 200
    assert (await call(at, "anything", {"tenant": "bob"})).status_code == 403
