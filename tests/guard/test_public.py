"""Public tools beside protected ones: callers without a token reach the former, and nothing else."""

import json
from typing import Any, Literal

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward import Guard, Policy, Rule
from doorward.errors import ConfigurationError
from doorward.guard import AuditEvent
from doorward.policy import Operation
from doorward.policy.rules import STRANGERS_CONVERSATION
from doorward.testing import TokenMint
from tests.guard.public_servers import BASE, BUILDS, RESOURCE, RULES, AnyServer, guards, name_of
from tests.ledger import proves
from tests.quickstart.calling import call, result, serving

each_server = pytest.mark.parametrize("kind", BUILDS)
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def mint() -> TokenMint:
    return TokenMint(issuer="https://login.example", audience=RESOURCE)


async def send(
    client: httpx2.AsyncClient, method: str, token: str | None = None, **headers: str
) -> httpx2.Response:
    """Send a request without parameters, as a client of 2026-07-28 does."""
    given = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **headers,
    }
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": META}}
    return await client.post("/mcp", json=body, headers=given)


def message(answer: httpx2.Response) -> Any:
    """Return the response, which came as JSON or as one event."""
    assert answer.status_code == 200, answer.text
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(one[6:] for one in text.splitlines() if one.startswith("data: {"))
    return json.loads(text)


def names(answer: httpx2.Response) -> set[str]:
    return {one["name"] for one in message(answer)["result"]["tools"]}


@proves("S219", "accepts", "public by name only")
@each_server
async def test_a_caller_without_a_token_lists_and_calls_what_is_public(
    mint: TokenMint, kind: str
) -> None:
    async with serving(BUILDS[kind](guards(mint))) as client:
        listed = await send(client, "tools/list")
        said = result(await call(client, None, "hello"))

    assert names(listed) == {"hello"}
    assert said == {"to": "nobody"}


@proves("S219", "refuses", "public by name only")
@each_server
@pytest.mark.parametrize("tool", ["refund", "unknown", "HELLO", "hello ", ""])
async def test_a_caller_without_a_token_gets_a_challenge_for_all_else(
    mint: TokenMint, kind: str, tool: str
) -> None:
    async with serving(BUILDS[kind](guards(mint))) as client:
        refused = await call(client, None, tool)

    assert refused.status_code in (400, 401)
    if tool.strip() == tool and tool:
        assert refused.status_code == 401
        assert refused.json()["error"]["data"]["reason"] == "missing-token"
        assert "resource_metadata=" in refused.headers["www-authenticate"]
        assert "error=" not in refused.headers["www-authenticate"]


@proves("S219", "refuses", "public by name only")
@each_server
@pytest.mark.parametrize(
    "credential",
    ["Bearer expired", "Bearer", "Bearer ", "", "Basic YTpi", "Bearer a b", "DPoP abc", "bearer x"],
)
async def test_a_bad_credential_is_never_treated_as_none(
    mint: TokenMint, kind: str, credential: str
) -> None:
    if credential == "Bearer expired":
        credential = f"Bearer {mint.mint('alice', scopes=['shop:read'], exp=1.0)}"
    async with serving(BUILDS[kind](guards(mint))) as client:
        refused = await send(client, "tools/list", authorization=credential)

    assert refused.status_code == 401


async def test_a_token_in_the_query_is_never_treated_as_none(mint: TokenMint) -> None:
    async with serving(BUILDS["any server"](guards(mint))) as client:
        refused = await client.post("/mcp?access_token=x", json={"jsonrpc": "2.0", "id": 1})

    assert refused.status_code == 400
    assert refused.json()["error"]["data"]["reason"] == "ambiguous-token"


@proves("S219", "accepts", "public by name only")
@each_server
async def test_a_signed_in_caller_is_known_to_a_public_tool_and_needs_no_scope_for_it(
    mint: TokenMint, kind: str
) -> None:
    alice, bare = mint.mint("alice", scopes=["shop:read", "shop:refund"]), mint.mint("bob")
    async with serving(BUILDS[kind](guards(mint))) as client:
        hello = result(await call(client, alice, "hello"))
        without_scopes = result(await call(client, bare, "hello"))
        refund = result(await call(client, alice, "refund"))
        refused = await call(client, bare, "refund")

    assert hello == refund == {"to": "alice"}
    assert without_scopes == {"to": "bob"}
    assert refused.status_code == 403


@each_server
async def test_a_client_of_2025_begins_without_a_token(mint: TokenMint, kind: str) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    params: dict[str, Any] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    async with serving(BUILDS[kind](guards(mint))) as client:

        async def post(method: str, params: dict[str, Any], number: int | None) -> httpx2.Response:
            body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
            if number is not None:
                body["id"] = number
            return await client.post("/mcp", json=body, headers=headers)

        began = await post("initialize", params, 1)
        if (session := began.headers.get("mcp-session-id")) is not None:
            headers["mcp-session-id"] = session
        headers["mcp-protocol-version"] = "2025-11-25"
        noted = await post("notifications/initialized", {}, None)
        pinged = await post("ping", {}, 2)
        listed = await post("tools/list", {}, 3)
        called = await post("tools/call", {"name": "hello", "arguments": {}}, 4)
        refused = await post("tools/call", {"name": "refund", "arguments": {}}, 5)
        stream = await client.get("/mcp", headers=headers | {"accept": "text/event-stream"})

    assert began.status_code == pinged.status_code == 200
    assert noted.status_code in (200, 202)
    assert names(listed) == {"hello"}
    assert message(called)["result"]["structuredContent"] == {"to": "nobody"}
    assert refused.status_code == 401
    # Not 401: a client would sign in before anything protected was asked for.
    assert stream.status_code == 405


@proves("S219", "refuses", "public by name only")
@pytest.mark.parametrize(
    "method",
    ["resources/subscribe", "completion/complete", "logging/setLevel", "subscriptions/listen",
     "tasks/list", "tasks/get", "stream/open", "session/end", "", "tools/List"],
)  # fmt: skip
async def test_other_methods_are_not_for_callers_without_a_token(
    mint: TokenMint, method: str
) -> None:
    app = AnyServer("hello")
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        refused = await send(client, method)

    assert refused.status_code in (400, 401, 404)
    assert app.ran == []


@proves("S219", "refuses", "public by name only")
async def test_without_a_public_rule_nobody_comes_in_without_a_token(mint: TokenMint) -> None:
    app = AnyServer("hello")
    policy = Policy(base=BASE, unknown="base")
    async with serving(guards(mint)(policy).protect(app)) as client:
        answers = [await send(client, method) for method in sorted(STRANGERS_CONVERSATION)]

    assert {answer.status_code for answer in answers} == {401}
    assert app.ran == []


async def test_a_rule_of_the_operator_for_a_list_holds_for_strangers(mint: TokenMint) -> None:
    rules = {**RULES, ("tools/list", "*"): Rule(scopes={"shop:read"})}
    async with serving(guards(mint)(Policy(rules=rules)).protect(AnyServer("hello"))) as client:
        assert (await send(client, "tools/list")).status_code == 401


@proves("S219", "refuses", "public by name only")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([(b"content-encoding", b"gzip"), (b"content-type", b"application/json")], b"\x1f\x8b"),
        ([(b"content-type", b"application/json")], b"not json refund"),
        ([(b"content-type", b"application/json")], b'[{"result":{"tools":[{"name":"refund"}]}}]'),
        ([(b"content-type", b"application/json")],
         b'{"result":{"tools":[]},"result":{"tools":[{"name":"refund"}]}}'),
        ([(b"content-type", b"text/plain")], b'{"result":{"tools":[{"name":"refund"}]}}'),
        ([(b"content-type", b"text/event-stream")], b"data: refund\n\n"),
        ([], b'{"result":{"tools":[{"name":"refund"}]}}'),
    ],
)  # fmt: skip
async def test_a_list_that_cannot_be_shortened_is_not_sent(
    mint: TokenMint, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await AnyServer()(scope, receive, send)
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        answer = await send(client, "tools/list")

    assert answer.status_code == 503
    assert answer.json()["error"]["data"]["reason"] == "list-not-readable"
    assert "refund" not in answer.text


async def test_a_list_in_a_stream_of_several_lines_is_shortened(mint: TokenMint) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await AnyServer()(scope, receive, send)
            return
        await receive()
        kind = (b"content-type", b"text/event-stream; charset=utf-8")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        for part in (
            b'\xef\xbb\xbfdata: {"jsonrpc":"2.0","method":"notifications/message"}\r\n\r\n',
            b'event: message\r\ndata: {"jsonrpc":"2.0","id":1,\r\ndata:"result":{"tools":[',
            b'{"name":"refund"},{"name":"hello"}]}}\r\n\r\n',
        ):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    guard = guards(mint, security_schemes=False)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        answer = await send(client, "tools/list")

    assert "refund" not in answer.text
    assert json.loads(answer.text.split("data: ")[2])["result"]["tools"] == [{"name": "hello"}]


async def test_a_byte_order_mark_hides_no_list(mint: TokenMint) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await AnyServer()(scope, receive, send)
            return
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        body = b'\xef\xbb\xbfdata: {"id":1,"result":{"tools":[{"name":"refund"}]}}\n\n'
        await send({"type": "http.response.body", "body": body})

    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        assert "refund" not in (await send(client, "tools/list")).text


async def test_the_body_of_a_caller_without_a_token_has_a_limit_of_its_own(mint: TokenMint) -> None:
    async with serving(BUILDS["any server"](guards(mint))) as client:
        refused = await call(client, None, "hello", text="x" * 300_000)
        token = mint.mint("alice", scopes=["shop:read"])
        accepted = await call(client, token, "hello", text="x" * 300_000)

    assert refused.status_code == 413
    assert accepted.status_code == 200


async def test_the_audit_log_says_that_nobody_was_served_and_why_others_were_not(
    mint: TokenMint,
) -> None:
    written: list[AuditEvent] = []
    async with serving(BUILDS["any server"](guards(mint, audit=written.append))) as client:
        await call(client, None, "hello")
        await call(client, None, "refund")

    served, refused = written
    assert (served.decision, served.subject, served.name) == ("served", None, "hello")
    assert (refused.decision, refused.reason, refused.name) == (
        "refused",
        "missing-token",
        "refund",
    )
    assert "refund is not public" in refused.detail


async def answers_a_session(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a session whose id is the caller's name."""
    if scope["type"] == "lifespan":
        await AnyServer()(scope, receive, send)
        return
    headers = [(b"content-type", b"application/json")]
    identity = scope["doorward.identity"]
    if not any(name == b"mcp-session-id" for name, _ in scope["headers"]):
        headers.append((b"mcp-session-id", name_of(identity).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"result":{}}'})


@proves("S219", "refuses", "public by name only")
async def test_a_session_of_somebody_who_signed_in_is_not_a_strangers(mint: TokenMint) -> None:
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    alice = mint.mint("alice", scopes=["shop:read"])
    async with serving(guard.protect(answers_a_session)) as client:
        await send(client, "tools/list")
        await send(client, "tools/list", alice)
        answers = {
            (session, token is not None): (
                await send(client, "tools/list", token, **{"mcp-session-id": session})
            ).status_code
            for session in ("nobody", "alice", "unknown")
            for token in (None, alice)
            if (session, token) != ("nobody", alice)
        }

    assert answers == {
        ("nobody", False): 200,
        ("alice", False): 404,
        ("alice", True): 200,
        ("unknown", False): 404,
        ("unknown", True): 404,
    }


@proves("S219", "accepts", "public by name only")
@proves("S219", "refuses", "public by name only")
async def test_who_signs_in_keeps_the_session_and_nobody_else_has_it_any_more(
    mint: TokenMint,
) -> None:
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    alice, bob = mint.mint("alice", scopes=["shop:read"]), mint.mint("bob", scopes=["shop:read"])
    async with serving(guard.protect(answers_a_session)) as client:

        async def status(token: str | None) -> int:
            answer = await send(client, "tools/list", token, **{"mcp-session-id": "nobody"})
            return answer.status_code

        await send(client, "tools/list")
        found = [await status(one) for one in (None, alice, None, bob, "x", alice)]

    assert found == [200, 200, 404, 404, 401, 200]


@each_server
async def test_a_client_of_2025_signs_in_within_its_session(mint: TokenMint, kind: str) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    alice = mint.mint("alice", scopes=["shop:read", "shop:refund"])
    bob = mint.mint("bob", scopes=["shop:read", "shop:refund"])
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    async with serving(BUILDS[kind](guards(mint))) as client:

        async def post(method: str, params: Any, token: str | None = None) -> httpx2.Response:
            sent = dict(headers)
            if token is not None:
                sent["authorization"] = f"Bearer {token}"
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return await client.post("/mcp", json=body, headers=sent)

        began = await post("initialize", params)
        session = began.headers.get("mcp-session-id")
        if session is not None:
            headers["mcp-session-id"] = session
        headers["mcp-protocol-version"] = "2025-11-25"
        refund = {"name": "refund", "arguments": {}}
        refused = await post("tools/call", refund)
        accepted = await post("tools/call", refund, alice)
        again = await post("tools/call", refund, alice)
        others = [await post("ping", {}, one) for one in (bob, None)]

    assert refused.status_code == 401
    assert 'scope="shop:read shop:refund"' in refused.headers["www-authenticate"]
    for answer in (accepted, again):
        assert message(answer)["result"]["structuredContent"] == {"to": "alice"}
    if session is not None:
        assert [one.status_code for one in others] == [404, 404]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({("tools/call", "*"): Rule(public=True)}, "public-not-by-name"),
        ({("resources/read", "notes://{id}"): Rule(public=True)}, "public-not-by-name"),
        ({("tools/list", "*"): Rule(public=True)}, "public-not-by-name"),
        ({("completion/complete", "x"): Rule(public=True)}, "public-not-by-name"),
    ],
)
def test_a_public_rule_is_for_one_name(rules: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(rules=rules)
    assert refused.value.reason == reason


def test_the_base_rule_cannot_be_public() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(base=Rule(public=True))
    assert refused.value.reason == "public-not-by-name"


@pytest.mark.parametrize("more", [{"scopes": "a"}, {"roles": ["b"]}, {"kinds": "person"}])
def test_a_public_rule_has_no_conditions(more: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Rule(public=True, **more)
    assert refused.value.reason == "public-with-conditions"


METHODS = ["tools/call", "prompts/get", "resources/read", "completion/complete", "tools/list",
           "prompts/list", "resources/list", "resources/subscribe", "initialize", "ping",
           "subscriptions/listen", "tasks/get", "other"]  # fmt: skip
NAMES = ["a", "b", "shop://a", "shop://A", "shop://a?x=1", "shop://b/c"]
PATTERNS = [*NAMES, "*", "shop://{id}", "shop://b/{+path}"]
Ruled = Literal["tools/call", "prompts/get", "resources/read", "completion/complete"]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rules: dict[tuple[str, str], Rule] = {}
    for method in ("tools/call", "prompts/get", "resources/read", "completion/complete"):
        for name in draw(st.lists(st.sampled_from(PATTERNS), unique=True, max_size=4)):
            public = name in NAMES and method != "completion/complete" and draw(st.booleans())
            rule = Rule(public=True) if public else Rule(scopes={draw(st.sampled_from("xyz"))})
            try:
                Policy(rules={(method, name): rule})
            except ConfigurationError:
                continue
            rules[method, name] = rule
    unknown = draw(st.sampled_from(["deny", "base"]))
    return Policy(base=Rule(scopes={"x"}), rules=rules, unknown=unknown)  # type: ignore[arg-type]


@proves("S219", "refuses", "public by name only")
@settings(max_examples=300, deadline=None)
@given(policies(), st.sampled_from(METHODS), st.one_of(st.none(), st.sampled_from(NAMES)))
def test_what_a_policy_admits_without_a_caller_is_public_by_its_exact_name(
    policy: Policy, method: str, name: str | None
) -> None:
    public = {key for key, rule in policy.rules.items() if rule.public}

    admitted = policy.decide(None, Operation(method, name)).allowed

    if name is not None:
        assert admitted == ((method, name) in public)
    else:
        assert not admitted or (bool(public) and method in STRANGERS_CONVERSATION)


@proves("S219", "refuses", "public by name only")
@settings(max_examples=60, deadline=None)
@given(
    policies(),
    st.lists(st.tuples(st.sampled_from(METHODS), st.sampled_from(NAMES)), max_size=6),
)
async def test_what_ran_for_strangers_is_a_subset_of_the_public_names(
    mint: TokenMint, policy: Policy, asked: list[tuple[str, str]]
) -> None:
    app = AnyServer(*NAMES)
    public = {key for key, rule in policy.rules.items() if rule.public}
    shown: set[tuple[str, str]] = set()
    async with serving(guards(mint)(policy).protect(app)) as client:
        for method, name in asked:
            member = "uri" if method.startswith("resources/") else "name"
            params = {member: name, "ref": {"type": "ref/prompt", "name": name}, "_meta": META}
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            headers = {
                "accept": "application/json",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": method,
                "mcp-name": name,
            }
            answer = await client.post("/mcp", json=body, headers=headers)
            if answer.status_code == 200:
                found = answer.json()["result"]
                shown |= {("tools/call", one["name"]) for one in found.get("tools", ())}
                shown |= {("prompts/get", one["name"]) for one in found.get("prompts", ())}
                shown |= {("resources/read", one["uri"]) for one in found.get("resources", ())}

    ran = {(method, name) for method, name in app.ran if method not in STRANGERS_CONVERSATION}
    assert ran <= public
    assert shown <= public


def test_a_guard_without_public_rules_looks_at_no_stranger(mint: TokenMint) -> None:
    guard: Guard = guards(mint)(Policy(base=BASE))
    assert not guard.policy.serves_strangers
