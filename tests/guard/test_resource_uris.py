"""The guard accepts a resource URI only in its normal form."""

from typing import Any

import pytest

from doorward.policy import EVERY, Policy, Rule
from tests.guard.bench import Bench, bearer, error, message, modern, routing, token
from tests.ledger import proves

POLICY = Policy(
    base=Rule("mcp:read"),
    rules={
        ("resources/read", "files://salaries.txt"): Rule("admin"),
        ("resources/read", "files://{name}"): Rule(),
        ("resources/read", EVERY): Rule(),
        ("completion/complete", EVERY): Rule(),
    },
    unknown="base",
)
GOOD = bearer(token("mcp:read"))


def asking(method: str, uri: str) -> dict[str, Any]:
    """Return the parameters with which ``method`` names ``uri``."""
    if method == "subscriptions/listen":
        return {"notifications": {"resourceSubscriptions": ["files://menu.txt", uri]}}
    if method == "completion/complete":
        ref = {"type": "ref/resource", "uri": uri}
        return {"ref": ref, "argument": {"name": "name", "value": "s"}}
    return {"uri": uri}


METHODS = [
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "subscriptions/listen",
]


@proves("S184", "accepts", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS)
async def test_a_uri_in_normal_form_reaches_the_application(method: str) -> None:
    bench = Bench(policy=POLICY)

    answer = await bench.ask(json=message(method, **asking(method, "files://a.txt")), headers=GOOD)

    assert answer.status_code == 200
    assert len(bench.seen) == 1


@proves("S184", "accepts", "every spelling of a URI")
async def test_a_template_can_be_completed() -> None:
    bench = Bench(policy=POLICY)
    params = asking("completion/complete", "files://{name}")

    answer = await bench.ask(json=message("completion/complete", **params), headers=GOOD)

    assert answer.status_code == 200


@proves("S184", "accepts", "every spelling of a URI")
async def test_a_prompt_can_have_any_name() -> None:
    bench = Bench(policy=POLICY)
    ref = {"type": "ref/prompt", "name": "Review: %61"}

    answer = await bench.ask(json=message("completion/complete", ref=ref), headers=GOOD)

    assert answer.status_code == 200


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "uri",
    [
        "files://s%61laries.txt",
        "FILES://salaries.txt",
        "files://salaries.txt?",
        "files://salaries.txt#x",
        "files://x/../salaries.txt",
        "files://x%2F..%2Fsalaries.txt",
        "files://salaries.txt%00",
        "salaries.txt",
        "*",
        "",
    ],
)
async def test_a_uri_that_is_not_in_normal_form_is_refused(method: str, uri: str) -> None:
    bench = Bench(policy=POLICY)

    answer = await bench.ask(json=message(method, **asking(method, uri)), headers=GOOD)

    assert answer.status_code == 400
    assert error(answer)["code"] == -32602
    assert error(answer)["data"]["reason"] == "ambiguous-uri"
    assert bench.seen == []
    assert [event.reason for event in bench.events] == ["ambiguous-uri"]


@proves("S184", "refuses", "every spelling of a URI")
async def test_the_refusal_names_the_normal_form_and_the_request_id() -> None:
    uri = "files://s%61laries.txt"
    bench = Bench(policy=POLICY)

    answer = await bench.ask(
        json=modern("resources/read", uri=uri), headers={**GOOD, **routing("resources/read", uri)}
    )

    assert answer.json()["id"] == 1
    assert "'files://salaries.txt'" in error(answer)["message"]


@proves("S184", "refuses", "every spelling of a URI")
async def test_a_template_cannot_be_read() -> None:
    bench = Bench(policy=POLICY)

    answer = await bench.ask(json=message("resources/read", uri="files://{name}"), headers=GOOD)

    assert error(answer)["data"]["reason"] == "ambiguous-uri"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("uri", ["files://salaries.txt?x=1", "files://Salaries.txt"])
async def test_a_lookalike_of_a_protected_uri_needs_its_scopes(uri: str) -> None:
    bench = Bench(policy=POLICY)

    answer = await bench.ask(json=message("resources/read", uri=uri), headers=GOOD)

    assert error(answer)["data"]["reason"] == "scope-missing"
    assert bench.seen == []


@proves("S184", "refuses", "every spelling of a URI")
async def test_a_uri_that_only_begins_like_a_template_is_refused() -> None:
    bench = Bench(policy=POLICY)

    answer = await bench.ask(json=message("resources/read", uri="files://a/b"), headers=GOOD)

    assert error(answer)["data"]["reason"] == "unknown-operation"
    assert bench.seen == []


async def test_a_malformed_subscription_list_is_passed_to_the_application() -> None:
    for wanted in ("files://x", 7, None):
        bench = Bench(policy=POLICY)
        params = {"notifications": {"resourceSubscriptions": wanted}}
        answer = await bench.ask(json=message("subscriptions/listen", **params), headers=GOOD)
        assert answer.status_code == 200
