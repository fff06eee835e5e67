"""A server that is broken for some clients only: those fail, at the hop where it is broken."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from doorward import Guard, Policy, Rule
from doorward.testing import (
    PERSONAS,
    Connected,
    LocalProvider,
    Persona,
    PersonaFailed,
    ServerUnderTest,
    persona,
)
from doorward.wire.asgi import ASGIApp
from tests.guard.public_servers import AnyServer
from tests.testing.orders_server import (
    ISSUER,
    SCOPES,
    URL,
    Headers,
    Orders,
    answering,
    orders,
    refusing,
    rewriting,
    with_document,
    without_header,
)

ALL = {str(one) for one in PERSONAS}
REGISTER_ONLY = {"cursor", "codex", "gemini-cli", "mcp-remote", "inspector"}
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
ISSUER_METADATA = "/.well-known/oauth-authorization-server"


class BrokenProvider(LocalProvider):
    """A provider whose application is changed by ``change``."""

    change: Any = staticmethod(lambda app: app)

    @property
    def site(self) -> Any:
        return replace(super().site, app=self.change(super().site.app))


async def failures(
    made: Orders,
    *,
    app: ASGIApp | None = None,
    provider: LocalProvider | None = None,
    others: dict[str, ASGIApp] | None = None,
    personas: Collection[Persona] = PERSONAS,
) -> dict[str, PersonaFailed]:
    """Return the personas that cannot connect, with their errors."""
    found = {}
    server = ServerUnderTest(app or made.app, provider or LocalProvider(made.guard), others=others)
    async with server:
        for one in personas:
            try:
                await one.connect(server)
            except PersonaFailed as failed:
                found[str(one)] = failed
    return found


def hops(found: dict[str, PersonaFailed]) -> dict[str, str]:
    return {name: failed.hop for name, failed in found.items()}


async def test_without_registration_those_fail_that_have_no_document() -> None:
    made = orders()

    found = await failures(made, provider=LocalProvider(made.guard, registration="closed"))

    assert hops(found) == dict.fromkeys(REGISTER_ONLY, "registration")
    assert "no way to register" in found["cursor"].problem
    assert "forum.cursor.com" in str(found["cursor"])


async def test_without_documents_everybody_registers() -> None:
    made = orders()

    assert await failures(made, provider=LocalProvider(made.guard, documents=False)) == {}


async def test_scopes_that_the_issuer_does_not_list_are_missed_by_those_that_look_there() -> None:
    made = orders()
    provider = BrokenProvider(made.guard)
    provider.change = lambda app: rewriting(
        app, ISSUER_METADATA, with_document(scopes_supported=["mcp:read"])
    )

    found = await failures(made, provider=provider)

    # Their list of tools is empty, so that they call none; with the name of the tool, it shows.
    assert found == {}
    async with ServerUnderTest(made.app, provider) as server:
        for name in ("cursor", "codex", "gemini-cli"):
            with pytest.raises(PersonaFailed) as refused:
                await persona(name).connect(server, call=("whoami", {}))
            assert refused.value.hop == "call"
            assert "asks for the scopes mcp:read, orders:read" in refused.value.problem
            assert refused.value.fact == persona(name).facts.scopes
        connected = await persona("inspector").connect(server, call=("whoami", {}))
        assert connected.scopes == SCOPES


async def test_scopes_that_no_metadata_names_are_stepped_up_to_by_those_that_can() -> None:
    made = orders(challenge_scopes={"mcp:read"}, scopes_supported=["mcp:read"])
    provider = BrokenProvider(made.guard)
    provider.change = lambda app: rewriting(
        app, ISSUER_METADATA, with_document(scopes_supported=["mcp:read"])
    )
    connected, refused = {}, {}
    async with ServerUnderTest(made.app, provider) as server:
        for one in PERSONAS:
            try:
                connected[str(one)] = await one.connect(server, call=("whoami", {}))
            except PersonaFailed as failed:
                refused[str(one)] = failed

    # ChatGPT acts on a challenge in the result of a tool, which the guard sends to it.
    assert connected.keys() == {"claude", "chatgpt", "vscode", "mcp-remote", "inspector"}
    assert {one.scopes for one in connected.values()} == {frozenset(SCOPES)}
    assert hops(refused) == dict.fromkeys(ALL - connected.keys(), "call")
    assert refused["claude-code"].fact == persona("claude-code").facts.step_up


@pytest.mark.parametrize(
    "options", [{"refusal_forms": {"chatgpt": "http"}}, {"security_schemes": False}]
)
async def test_chatgpt_needs_the_tool_error_and_the_tool_in_the_list(
    options: dict[str, Any],
) -> None:
    async def connect(**options: Any) -> Connected:
        # It knows nothing of scopes, so its list has every tool.
        app = AnyServer("whoami")
        policy = Policy(
            base=Rule("mcp:read"), rules={("tools/call", "whoami"): Rule("orders:read")}
        )
        guard = Guard(resource=URL, issuer=ISSUER, policy=policy, **options)
        provider = LocalProvider(guard)
        async with ServerUnderTest(guard.protect(app), provider) as server:
            return await persona("chatgpt").connect(server, call=("whoami", {}))

    assert (await connect()).scopes == SCOPES
    with pytest.raises(PersonaFailed) as refused:
        await connect(**options)

    assert refused.value.hop == "call"
    assert refused.value.fact == persona("chatgpt").facts.refusals


async def test_a_challenge_in_a_tool_result_is_for_chatgpt() -> None:
    made = orders(challenge_scopes={"mcp:read"}, scopes_supported=["mcp:read"])

    def in_result(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        if status != 403:
            return status, headers, body
        challenge = dict(headers)[b"www-authenticate"].decode()
        meta = {"mcp/www_authenticate": [challenge]}
        result = {"isError": True, "content": [], "_meta": meta, "resultType": "complete"}
        # The id of the one call: discover, list, call.
        answer = {"jsonrpc": "2.0", "id": json.loads(body).get("id") or 4, "result": result}
        return 200, [(b"content-type", b"application/json")], json.dumps(answer).encode()

    app = rewriting(made.app, "/mcp", in_result)
    async with ServerUnderTest(app, LocalProvider(made.guard)) as server:
        connected = await persona("chatgpt").connect(server, call=("whoami", {}))
        assert connected.scopes == SCOPES
        with pytest.raises(PersonaFailed) as refused:
            await persona("claude").connect(server, call=("whoami", {}))

    assert refused.value.hop == "call"


async def test_a_redirect_of_the_endpoint_to_plain_http_loses_the_token() -> None:
    made = orders()
    target = (b"location", b"http://mcp.example/mcp/")
    app = rewriting(made.app, "/mcp", answering(307, target))

    found = await failures(made, app=app, others={"http://mcp.example": made.app})

    assert hops(found) == dict.fromkeys(ALL, "session")
    told = str(found["claude-code"])
    assert "https://mcp.example/mcp redirects to http://mcp.example/mcp/ (307)" in told


async def test_metadata_of_the_origin_is_refused_by_those_that_compare_exactly() -> None:
    made = orders()
    app = rewriting(made.app, RESOURCE_METADATA, with_document(resource="https://mcp.example"))

    found = await failures(made, app=app)

    strict = {"claude", "claude-code", "gemini-cli"}
    assert {name for name, hop in hops(found).items() if hop == "resource-metadata"} == strict
    assert "is for 'https://mcp.example'" in found["claude"].problem
    # The others believe it, and ask for a token for the origin, which the issuer does not know.
    # VS Code looks for an issuer at the server's own origin instead.
    assert hops(found)["inspector"] == "authorization"
    assert hops(found)["vscode"] == "registration"


async def test_a_challenge_without_a_metadata_url_is_enough_for_everybody() -> None:
    made = orders()
    app = rewriting(made.app, "/mcp", without_header(b"www-authenticate"))

    assert await failures(made, app=app) == {}


async def test_metadata_at_the_root_alone_is_found_by_everybody() -> None:
    made = orders()
    path = RESOURCE_METADATA + "/mcp"
    app = rewriting(
        rewriting(made.app, "/mcp", without_header(b"www-authenticate")), path, answering(404)
    )

    assert await failures(made, app=app) == {}


async def test_without_any_metadata_most_look_for_an_issuer_at_the_server() -> None:
    made = orders()
    app = rewriting(made.app, RESOURCE_METADATA, answering(404))

    found = await failures(made, app=app)

    assert hops(found) == {
        **dict.fromkeys(ALL - {"chatgpt", "vscode"}, "issuer"),
        "chatgpt": "resource-metadata",
        "vscode": "registration",
    }


async def test_a_page_in_place_of_metadata_is_not_metadata() -> None:
    made = orders()
    page = answering(200, (b"content-type", b"text/html"), body=b"<!doctype html>")
    app = rewriting(made.app, RESOURCE_METADATA, page)

    found = await failures(made, app=app, personas=[persona("chatgpt")])

    assert found["chatgpt"].hop == "resource-metadata"


@pytest.mark.parametrize(
    ("blocked", "stopped", "hop"),
    [
        ("Claude-User", {"claude"}, "challenge"),
        ("claude-code", {"claude-code"}, "challenge"),
        ("codex-mcp-client", {"codex"}, "challenge"),
    ],
)
async def test_an_edge_that_refuses_a_user_agent_stops_its_client_alone(
    blocked: str, stopped: set[str], hop: str
) -> None:
    made = orders()

    found = await failures(made, app=refusing(made.app, lambda agent: blocked in agent))

    assert hops(found) == dict.fromkeys(stopped, hop)
    assert "answered 403" in next(iter(found.values())).problem


async def test_an_edge_that_refuses_requests_without_a_user_agent_stops_both_claudes() -> None:
    made = orders()
    provider = BrokenProvider(made.guard)
    provider.change = lambda app: refusing(app, lambda agent: not agent)

    found = await failures(made, provider=provider)

    assert hops(found) == {"claude": "issuer", "claude-code": "issuer"}


async def test_an_issuer_that_forgets_its_name_in_the_answer_stops_those_that_check_it() -> None:
    made = orders()
    provider = BrokenProvider(made.guard)

    def without_iss(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        changed = [
            (name, value.partition(b"&iss=")[0] if name.lower() == b"location" else value)
            for name, value in headers
        ]
        return status, changed, body

    provider.change = lambda app: rewriting(app, "/consent", without_iss)

    found = await failures(made, provider=provider)

    checking = {"claude", "claude-code", "chatgpt", "codex", "inspector"}
    assert hops(found) == dict.fromkeys(checking, "sign-in")
    assert f"has the issuer None, expected {ISSUER!r}" in found["codex"].problem


async def test_metadata_that_names_another_issuer_stops_those_that_compare_it() -> None:
    made = orders()
    provider = BrokenProvider(made.guard)
    provider.change = lambda app: rewriting(
        app, "/.well-known/", with_document(issuer="https://login.example/v2")
    )

    found = await failures(made, provider=provider)

    comparing = {"chatgpt", "codex", "inspector"}
    assert {name for name, hop in hops(found).items() if hop == "issuer"} == comparing


async def test_a_server_that_is_slower_than_the_client_waits_is_named_with_the_limit() -> None:
    made = orders()
    hurried = persona("codex")
    facts = replace(hurried.facts, timeout=replace(hurried.facts.timeout, value=0.0))
    hurried = Persona(replace(hurried.client, connection=facts))

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()
        await made.app(scope, receive, send)

    found = await failures(made, app=silent, personas=[hurried])

    assert found["codex"].hop == "challenge"
    assert "0 seconds, its time limit" in found["codex"].problem


async def test_a_refused_refresh_is_named() -> None:
    made = orders()
    provider = BrokenProvider(made.guard)
    answers = [200]

    def once(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        if answers:
            return answers.pop(), headers, body
        return 400, headers, b'{"error":"invalid_grant"}'

    provider.change = lambda app: rewriting(app, "/token", once)

    found = await failures(made, provider=provider, personas=[persona("cursor")])

    assert found["cursor"].hop == "refresh"
    assert "answered 400 (invalid_grant)" in found["cursor"].problem


async def test_a_wrong_password_is_named_at_the_sign_in() -> None:
    made = orders()
    server = ServerUnderTest(
        made.app, LocalProvider(made.guard), passwords={"alice": "not her password"}
    )
    async with server:
        with pytest.raises(PersonaFailed) as refused:
            await persona("vscode").connect(server)

    assert refused.value.hop == "sign-in"
    assert "asks 'alice' to sign in again" in refused.value.problem
    assert "not her password" not in str(refused.value)


async def test_an_issuer_that_the_test_does_not_have_is_named() -> None:
    made = orders()
    server = ServerUnderTest(made.app, url=made.guard.resource, passwords={"alice": "x"})
    async with server:
        with pytest.raises(PersonaFailed) as refused:
            await persona("codex").connect(server)

    assert refused.value.hop == "issuer"
    assert "no application in this test serves https://login.example" in refused.value.problem


async def test_the_error_has_every_hop_and_its_exchanges() -> None:
    made = orders()

    found = await failures(
        made,
        provider=LocalProvider(made.guard, registration="closed"),
        personas=[persona("codex")],
    )

    failed = found["codex"]
    assert [one.hop for one in failed.hops] == [
        "challenge",
        "resource-metadata",
        "issuer",
        "registration",
    ]
    assert str(failed.hops[0].exchanges[0]) == "GET https://mcp.example/mcp 401"
    assert failed.hops[-1].outcome == "failed"
