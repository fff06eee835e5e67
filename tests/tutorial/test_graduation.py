"""What a step writes by hand and what the next one imports agree, case by case."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from doorward.errors import ConfigurationError, MissingToken, RequestRefused, TokenRejected
from doorward.guard.http.user_context import UserContext
from doorward.identity import SCOPE_KEY, Identity
from doorward.jose.pem import read_public_pem
from doorward.mcp_server.functions.signature import read_signature
from doorward.policy import Operation, Policy, Rule
from doorward.testing import BAD_TOKENS, BadToken, PrivateKey
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from doorward.wire.address import is_loopback_host
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.error_response import BearerChallenge, error_response
from doorward.wire.jsonrpc.envelope import Malformed, read_envelope
from doorward.wire.oauth import resource_metadata
from doorward.wire.oauth.challenge import parse_challenges
from mcp_http import stage, step1, step2, step3, step5, step6, step7, step8, step9, tools
from tests.tutorial.in_process import ADDRESS, META, MODERN, RESOURCE, caller_of, key, mint


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "::1",
        "127.1",
        "0x7f.1",
        "0.0.0.0",
        "127.0.0.2",
        "::ffff:127.0.0.1",
        "localhost.example",
        "mcp.example",
        "",
    ],
)
def test_step_1_and_the_toolkit_agree_which_names_are_this_machine(host: str) -> None:
    assert step1.is_this_machine(host) is is_loopback_host(host)


def request(method: object = "ping", **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, **members}


def modern(method: str = "server/discover", **params: Any) -> dict[str, Any]:
    return request(method, params={"_meta": META, **params})


PLAIN: dict[str, str] = {}
FULL = {"mcp-protocol-version": MODERN, "mcp-method": "server/discover"}
NAMED = {**FULL, "mcp-method": "tools/call"}
OTHER_VERSION = {**META, "io.modelcontextprotocol/protocolVersion": "2030-01-01"}
NO_CAPABILITIES = {"io.modelcontextprotocol/protocolVersion": MODERN}
MESSAGES: dict[str, tuple[object, dict[str, str]]] = {
    "a request": (request(), PLAIN),
    "a request with a text as its id": (request(id="a"), PLAIN),
    "a notification": ({"jsonrpc": "2.0", "method": "notifications/initialized"}, PLAIN),
    "a request of 2026-07-28": (modern(), FULL),
    "a call with its name": (modern("tools/call", name="echo"), {**NAMED, "mcp-name": "echo"}),
    "no JSON": (b"{", PLAIN),
    "a batch": ([request()], PLAIN),
    "a text": ("ping", PLAIN),
    "another JSON-RPC": (request(jsonrpc="1.0"), PLAIN),
    "no JSON-RPC": ({"id": 1, "method": "ping"}, PLAIN),
    "a number as method": (request(7), PLAIN),
    "no method": ({"jsonrpc": "2.0", "id": 1}, PLAIN),
    "null as id": (request(id=None), PLAIN),
    "true as id": (request(id=True), PLAIN),
    "a fraction as id": (request(id=1.5), PLAIN),
    "an object as id": (request(id={}), PLAIN),
    "a list as params": (request(params=[]), PLAIN),
    "a text as _meta": (request(params={"_meta": "x"}), PLAIN),
    "no Mcp-Method": (modern(), {"mcp-protocol-version": MODERN}),
    "no MCP-Protocol-Version": (modern(), {"mcp-method": "server/discover"}),
    "no Mcp-Name": (modern("tools/call", name="echo"), NAMED),
    "no capabilities": (modern(_meta=NO_CAPABILITIES), FULL),
    "a version of the future": (
        modern(_meta=OTHER_VERSION),
        {**FULL, "mcp-protocol-version": "2030-01-01"},
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_step_2_and_the_toolkit_read_the_same_messages(case: str) -> None:
    said, headers = MESSAGES[case]
    body = said if isinstance(said, bytes) else json.dumps(said).encode()

    def by_hand() -> object:
        try:
            message = step2.read_message(body, headers)
        except step2.NotAMessage as problem:
            return problem.error["code"]
        return (message.method, message.id, message.params, message.modern)

    def by_toolkit() -> object:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        try:
            read = read_envelope(body, raw)
        except Malformed as problem:
            return problem.jsonrpc_code
        return (read.method, read.id, read.params, read.protocol_version is not None)

    assert by_hand() == by_toolkit()


async def nothing() -> None: ...
async def several(a: int, b: float, c: bool = True, d: str = "x") -> None: ...
async def optional(name: str = "you") -> None: ...


@pytest.mark.parametrize(
    "function", [tools.echo, tools.get_time, tools.greeting, nothing, several, optional]
)
def test_step_3_and_the_toolkit_make_the_same_schema(function: Callable[..., Any]) -> None:
    assert step3.input_schema(function) == read_signature(function).schema


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a call": ("echo", {"message": "hello"}),
    "a call that relies on a default": ("get_time", {}),
    "a call that is slow": ("countdown", {"start": 3}),
    "no argument": ("echo", {}),
    "another type": ("echo", {"message": 7}),
    "null": ("echo", {"message": None}),
    "one argument too many": ("echo", {"message": "hello", "user": "admin"}),
    "a tool that says no": ("get_time", {"timezone": "Nowhere"}),
    "a tool of another name": ("nothing", {}),
}


@pytest.mark.parametrize("case", CALLS)
async def test_step_4_and_the_toolkit_run_tools_alike(case: str, tmp_path: Path) -> None:
    name, arguments = CALLS[case]
    outcomes = []
    for step in (4, 5):
        async with caller_of(step, tmp_path) as caller:
            answer = await caller.call(name, arguments)
        said = answer.json()
        result = said.get("result", {})
        structured = result.get("structuredContent")
        if name == "get_time" and structured:
            structured = len(structured["result"])
        told = (said.get("error", {}).get("code"), result.get("isError"), result.get("resultType"))
        outcomes.append((answer.status_code, structured, *told))

    assert outcomes[0] == outcomes[1]


def public_pem(bits: int) -> bytes:
    return (
        rsa.generate_private_key(65537, bits)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


PEMS: dict[str, Callable[[], bytes]] = {
    "an RSA key": lambda: key().public_pem(),
    "a private key": lambda: key().to_pem(),
    "a small RSA key": lambda: public_pem(1024),
    "nothing": lambda: b"",
    "half a key": lambda: key().public_pem()[:200],
}


@pytest.mark.parametrize("case", PEMS)
def test_step_5_and_the_toolkit_publish_the_same_key(case: str) -> None:
    def outcome(read: Callable[[bytes], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return read(PEMS[case]())
        except ConfigurationError:
            return None

    assert outcome(step5.public_jwk) == outcome(read_public_pem)
    if case == "an RSA key":
        assert outcome(step5.public_jwk) == key().public_jwk()


# What only the toolkit refuses. The first three are the reason for step 7; the rest is why nobody
# should check tokens by hand for longer than it takes to understand how it is done.
BEYOND_STEP_6 = {
    "wrong-audience",
    "audience-is-a-prefix",
    "empty-audience",
    "endless",
    "exp-as-text",
    "duplicate-member",
}


def accepted_by_hand(token: str) -> bool:
    try:
        step6.verify(token, key().public_jwk(), ADDRESS)
    except step6.Unauthorized:
        return False
    return True


def verifier() -> Verifier:
    trusted = TrustedIssuer(
        issuer=ADDRESS,
        audience=RESOURCE,
        algorithms=("RS256",),
        keys=LocalKeys(lambda: {"keys": [key().public_jwk()]}),
    )
    return Verifier([trusted])


async def accepted_by_toolkit(token: str) -> bool:
    try:
        await verifier().verify(token.encode())
    except TokenRejected:
        return False
    return True


async def test_step_6_and_the_toolkit_accept_a_good_token() -> None:
    good = mint().mint("alice", scopes={"mcp:read"}, roles={"user"})

    assert accepted_by_hand(good)
    assert await accepted_by_toolkit(good)


@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
async def test_step_6_and_the_toolkit_refuse_the_same_bad_tokens(bad: BadToken) -> None:
    token = bad.make(mint())

    assert not await accepted_by_toolkit(token)
    assert accepted_by_hand(token) is (bad.name in BEYOND_STEP_6)


def test_step_7_and_the_toolkit_describe_the_same_resource() -> None:
    by_toolkit = resource_metadata.build(
        resource=RESOURCE, authorization_servers=[ADDRESS], scopes_supported=stage.SCOPES
    )

    assert step7.resource_metadata(RESOURCE, ADDRESS) == json.loads(by_toolkit)


@pytest.mark.parametrize("refusal", [MissingToken("none"), TokenRejected("bad")], ids=repr)
def test_step_7_and_the_toolkit_challenge_alike(refusal: RequestRefused) -> None:
    url = resource_metadata.metadata_url(RESOURCE)
    answer = error_response(refusal, challenge=BearerChallenge(url, frozenset()))
    by_toolkit = answer.headers["WWW-Authenticate"]

    assert parse_challenges(step7.challenge(refusal, url)) == parse_challenges(by_toolkit)


SCOPES = ("mcp:read", "mcp:tools", "mcp:prompts", "mcp:admin", "mcp:unknown")
HELD = [(), *((one,) for one in SCOPES), ("mcp:read", "mcp:tools"), ("mcp:read", "mcp:prompts")]
OPERATIONS = [
    Operation("initialize"),
    Operation("server/discover"),
    Operation("tools/list"),
    Operation("ping"),
    Operation("notifications/initialized"),
    Operation("resources/read", "notes://alice"),
    Operation("tasks/get", "1"),
    Operation("nothing/here"),
    *(Operation("tools/call", name) for name in (*tools.TOOLS, "read_notes", "list_users", "x")),
    *(Operation("prompts/get", name) for name in (*tools.PROMPTS, "x")),
]


def policy() -> Policy:
    """Return step 8's table as the toolkit's policy, which is what step 9 has."""
    rules = {one: Rule(scopes=scopes, roles=roles) for one, (scopes, roles) in step8.NEEDS.items()}
    return Policy(base=Rule(scopes=step8.BASE), rules=rules, hierarchy=step8.CONTAINS)


@pytest.mark.parametrize("role", ["admin", "user", "guest", None])
@pytest.mark.parametrize("scopes", HELD, ids=",".join)
def test_step_8_and_the_toolkit_decide_alike(scopes: tuple[str, ...], role: str | None) -> None:
    caller = Identity(
        issuer=ADDRESS,
        subject="alice",
        client_id="c",
        scopes=frozenset(scopes),
        roles=frozenset([role] if role else []),
        expires_at=time.time() + 60,
    )
    for operation in OPERATIONS:
        decision = policy().decide(caller, operation)
        refusal = refused_by_hand(caller, operation)
        assert (refusal is None) is decision.allowed, operation
        assert step8.shows(caller, operation) is decision.allowed
        if decision.reason == "scope-missing":
            assert cast("Any", refusal).scopes == decision.scopes


def refused_by_hand(caller: Identity, operation: Operation) -> RequestRefused | None:
    try:
        step8.check_permission(caller, operation)
    except RequestRefused as refusal:
        return refusal
    return None


def test_step_9_has_the_rules_of_step_8() -> None:
    # The same table, now written beside the functions.
    assert step9.CONTAINS == step8.CONTAINS
    assert (step9.TOOL, step9.PROMPT, step9.MEMBERS) == (step8.TOOL, step8.PROMPT, step8.MEMBERS)


ANSWERS: dict[str, tuple[bytes, bytes]] = {
    "a result": (b"application/json", b'{"id":1,"result":{"_meta":{"a":1},"content":[]}}'),
    "a result without metadata": (b"application/json", b'{"id":1,"result":{}}'),
    "an error": (b"application/json", b'{"id":1,"error":{"code":-32602}}'),
    "a stream": (b"text/event-stream", b"data: {}\n\n"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_step_9_and_the_toolkit_mark_answers_alike(case: str) -> None:
    kind, body = ANSWERS[case]
    user = Identity(
        issuer=ADDRESS,
        subject="al ice",
        client_id="c",
        scopes=frozenset(),
        roles=frozenset({"user"}),
        expires_at=time.time() + 60,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def marked(wrapped: ASGIApp) -> tuple[object, dict[str, str]]:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await wrapped({**scope, SCOPE_KEY: user}, receive, send)

        transport = httpx2.ASGITransport(app=guarded)
        async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as http:
            answer = await http.get("/mcp")
        said = answer.json() if kind == b"application/json" else answer.text
        return said, {n: v for n, v in answer.headers.items() if n != "content-length"}

    by_hand = await marked(step9.UserContext(app))
    by_toolkit = await marked(UserContext(app, member="mcp-step-by-step/user"))

    assert by_hand == by_toolkit


def test_a_key_of_another_kind_is_for_the_toolkit_alone() -> None:
    elliptic = PrivateKey.generate("ES256")

    assert read_public_pem(elliptic.public_pem()) == elliptic.public_jwk()
    with pytest.raises(ConfigurationError):
        step5.public_jwk(elliptic.public_pem())
