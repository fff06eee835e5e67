"""Resources, templates, completion and pagination: who can read what, and its form."""

import base64
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server import EmbeddedResource, McpServer, ToolError
from doorward.policy import Policy, Rule
from tests.ledger import proves
from tests.mcp_server.rpc_client import MODERN, REVISIONS, person, rpc_client

ALICE = person("alice", "mcp:notes")
BOB = person("bob")


class Note(BaseModel):
    title: str


def notes() -> McpServer:
    server = McpServer("notes", version="1.0")

    @server.resource("notes://about", title="About", mime_type="text/markdown")
    def about() -> str:
        """What this is."""
        return "# Notes"

    @server.resource("notes://logo", mime_type="image/png")
    def logo() -> bytes:
        return b"\x89PNG"

    @server.resource("notes://mine", scopes={"mcp:notes"})
    async def mine(user: Identity) -> str:
        return f"notes of {user.subject}"

    @server.resource("notes://all")
    def everything() -> list[EmbeddedResource]:
        return [
            EmbeddedResource(uri="notes://1", data="one", mime_type="text/plain"),
            EmbeddedResource(uri="notes://2", data=b"two", mime_type="application/x-two"),
        ]

    @server.resource("notes://{number}/page", ttl_ms=5000, shared=True)
    def page(number: Annotated[int, Field(le=99)]) -> Note:
        if number == 13:
            raise ToolError("There is no such page.")
        return Note(title=f"Page {number}")

    @server.resource("notes://{owner}/{+path}", scopes={"mcp:notes"})
    def of(owner: str, path: str) -> str | None:
        return None if path == "nothing" else f"{path} of {owner}"

    return server


@pytest.mark.parametrize("version", REVISIONS)
async def test_text_bytes_json_and_several_contents_can_be_read(version: str) -> None:
    async with rpc_client(notes(), version, identity=ALICE) as peer:
        contents = {}
        for uri in ("notes://about", "notes://logo", "notes://all", "notes://7/page"):
            contents[uri] = (await peer.ask("resources/read", {"uri": uri})).result["contents"]

    assert contents["notes://about"] == [
        {"uri": "notes://about", "mimeType": "text/markdown", "text": "# Notes"}
    ]
    (logo,) = contents["notes://logo"]
    assert base64.b64decode(logo["blob"]) == b"\x89PNG"
    assert [one["uri"] for one in contents["notes://all"]] == ["notes://1", "notes://2"]
    (page,) = contents["notes://7/page"]
    assert (page["mimeType"], page["text"]) == ("application/json", '{"title":"Page 7"}')


async def test_resources_and_templates_are_listed_separately_with_their_metadata() -> None:
    async with rpc_client(notes(), identity=ALICE) as peer:
        fixed = (await peer.ask("resources/list")).result
        templates = (await peer.ask("resources/templates/list")).result
        capabilities = (await peer.ask("server/discover")).result["capabilities"]

    assert fixed["resources"][0] == {
        "uri": "notes://about",
        "name": "about",
        "title": "About",
        "description": "What this is.",
        "mimeType": "text/markdown",
    }
    assert [one["uriTemplate"] for one in templates["resourceTemplates"]] == [
        "notes://{number}/page",
        "notes://{owner}/{+path}",
    ]
    assert capabilities == {"resources": {}}
    assert (fixed["ttlMs"], fixed["cacheScope"]) == (60_000, "private")


@proves("S146", "accepts", "user from the token alone")
async def test_a_resource_function_gets_the_caller() -> None:
    async with rpc_client(notes(), identity=ALICE) as peer:
        answer = await peer.ask("resources/read", {"uri": "notes://mine"})

    assert answer.result["contents"][0]["text"] == "notes of alice"
    assert answer.result["cacheScope"] == "private"


async def test_only_a_shared_resource_has_a_public_cache_scope() -> None:
    async with rpc_client(notes(), identity=ALICE) as peer:
        shared = (await peer.ask("resources/read", {"uri": "notes://7/page"})).result
        private = (await peer.ask("resources/read", {"uri": "notes://about"})).result

    assert (shared["ttlMs"], shared["cacheScope"]) == (5000, "public")
    assert (private["ttlMs"], private["cacheScope"]) == (0, "private")


@pytest.mark.parametrize(
    "uri",
    [
        "notes://none",
        "notes://13/page",
        "notes://x/page",
        "notes://100/page",
        "notes://a/nothing",
        "NOTES://about",
        "notes://about/",
        "notes://a/../b",
        "notes://a/%2e%2e/b",
        "notes://%61bout",
        "notes://about?",
        "notes://about#x",
        "",
        "x" * 9000,
    ],
)
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_an_unknown_resource_is_not_found(uri: str, version: str) -> None:
    async with rpc_client(notes(), version, identity=ALICE) as peer:
        answer = await peer.ask("resources/read", {"uri": uri})

    assert answer.error["code"] == (-32602 if version == MODERN else -32002)
    assert answer.error["data"] == {"uri": uri}
    assert answer.status == (400 if version == MODERN else 200)


@proves("S145", "refuses", "no result of another user")
@pytest.mark.parametrize("uri", ["notes://mine", "notes://alice/plan"])
async def test_a_hidden_resource_is_neither_found_nor_listed(uri: str) -> None:
    server = notes()
    policy = Policy(rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    async with rpc_client(server, identity=BOB) as peer:
        hidden = await peer.ask("resources/read", {"uri": uri})
        missing = await peer.ask("resources/read", {"uri": "notes://none"})
        listed = (await peer.ask("resources/list")).result["resources"]
        templates = (await peer.ask("resources/templates/list")).result["resourceTemplates"]

    assert hidden.error["message"] == missing.error["message"]
    assert "notes://mine" not in [one["uri"] for one in listed]
    # The rule for "notes://{owner}/{+path}" holds for every URI of "notes://{number}/page" too.
    assert templates == []


async def test_a_failing_resource_function_is_an_internal_error_without_details() -> None:
    server = McpServer("test", version="1.0")

    @server.resource("a://b")
    def broken() -> str:
        raise OSError("/etc/secret")

    async with rpc_client(server) as peer:
        answer = await peer.ask("resources/read", {"uri": "a://b"})

    assert (answer.status, answer.error["code"]) == (500, -32603)
    assert "secret" not in answer.text


def takes_a_name(name: str) -> str:
    return name


@pytest.mark.parametrize(
    "uri",
    [
        *("no-scheme", "a://b", "a://{other}", "a://{name}{name}", "a:// {name}", "ä://{name}"),
        *("A://{name}", "a://%61/{name}", "a://x/../{name}", "a://{name}#x"),
    ],
)
def test_a_uri_that_does_not_fit_its_function_is_refused_at_start_up(uri: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1.0").resource(uri)(takes_a_name)

    assert refusal.value.reason == "unusable-uri"


def test_a_duplicate_resource_uri_is_refused_at_start_up() -> None:
    server = McpServer("test", version="1.0")
    server.resource("a://{name}")(takes_a_name)
    with pytest.raises(ConfigurationError) as refusal:
        server.resource("a://{name}")(takes_a_name)

    assert refusal.value.reason == "name-taken"


def completing() -> McpServer:
    server = notes()

    @server.prompt(scopes={"mcp:notes"})
    def review(language: str, framework: str) -> str:
        return f"{language} {framework}"

    @server.completion("review", "framework")
    async def frameworks(value: str, arguments: dict[str, str]) -> list[str]:
        known = {"python": ["fastapi", "flask"], "": []}
        return [one for one in known[arguments.get("language", "")] if one.startswith(value)]

    @server.completion("notes://{owner}/{+path}", "owner")
    def owners(value: str) -> list[str]:
        return [f"{value}{number}" for number in range(250)]

    return server


def asked(ref: dict[str, str], name: str, value: str, **chosen: str) -> dict[str, Any]:
    argument = {"name": name, "value": value}
    return {"ref": ref, "argument": argument, "context": {"arguments": chosen}}


PROMPT = {"type": "ref/prompt", "name": "review"}
TEMPLATE = {"type": "ref/resource", "uri": "notes://{owner}/{+path}"}


@pytest.mark.parametrize("version", REVISIONS)
async def test_completion_gets_the_other_arguments(version: str) -> None:
    async with rpc_client(completing(), version, identity=ALICE) as peer:
        params = asked(PROMPT, "framework", "fl", language="python")
        answer = await peer.ask("completion/complete", params)
        unknown = await peer.ask("completion/complete", asked(PROMPT, "language", "p"))

    assert answer.result["completion"] == {"values": ["flask"], "total": 1, "hasMore": False}
    assert unknown.result["completion"]["values"] == []


async def test_completion_returns_at_most_a_hundred_values() -> None:
    async with rpc_client(completing(), identity=ALICE) as peer:
        answer = await peer.ask("completion/complete", asked(TEMPLATE, "owner", "a"))

    completion = answer.result["completion"]
    assert len(completion["values"]) == 100
    assert (completion["total"], completion["hasMore"]) == (250, True)


@proves("S145", "refuses", "no result of another user")
@pytest.mark.parametrize("ref", [PROMPT, TEMPLATE])
async def test_completion_is_refused_without_access_to_the_prompt_or_resource(
    ref: dict[str, str],
) -> None:
    server = completing()
    policy = Policy(rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    async with rpc_client(server, identity=BOB) as peer:
        answer = await peer.ask("completion/complete", asked(ref, "owner", "a"))

    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": PROMPT},
        {"ref": {"type": "ref/tool", "name": "x"}, "argument": {"name": "a", "value": "b"}},
        {"ref": {**PROMPT, "name": "none"}, "argument": {"name": "a", "value": "b"}},
        {"ref": {**TEMPLATE, "uri": "no://{x}"}, "argument": {"name": "a", "value": "b"}},
        {"ref": PROMPT, "argument": {"name": "framework", "value": 5}},
        {"ref": PROMPT, "argument": {"name": "framework"}},
        {**asked(PROMPT, "framework", "x"), "context": {"arguments": {"language": 5}}},
        {**asked(PROMPT, "framework", "x"), "context": []},
    ],
)
async def test_a_malformed_completion_request_is_refused(params: dict[str, Any]) -> None:
    async with rpc_client(completing(), identity=ALICE) as peer:
        answer = await peer.ask("completion/complete", params)

    assert answer.error["code"] == -32602


def paged() -> McpServer:
    server = McpServer("test", version="1.0", page_size=2)
    for name in ("a", "b", "c", "secret", "d"):
        scopes = {"never"} if name == "secret" else set[str]()
        server.tool(name=name, scopes=scopes)(lambda: None)
    return server


async def test_a_list_is_paged_until_the_last_page() -> None:
    async with rpc_client(paged(), identity=ALICE) as peer:
        first = (await peer.ask("tools/list")).result
        second = (await peer.ask("tools/list", {"cursor": first["nextCursor"]})).result

    assert [tool["name"] for tool in first["tools"]] == ["a", "b"]
    assert [tool["name"] for tool in second["tools"]] == ["c", "d"]
    assert "nextCursor" not in second
    assert first["cacheScope"] == second["cacheScope"] == "private"


@proves("S145", "refuses", "no result of another user")
@pytest.mark.parametrize(
    "cursor", ["", "b", 5, {}, "====", base64.b64encode(b"secret").decode(), "w6Q", "\ud800"]
)
async def test_an_invalid_cursor_is_refused_without_details(cursor: Any) -> None:
    async with rpc_client(paged(), identity=ALICE) as peer:
        answer = await peer.ask("tools/list", {"cursor": cursor})

    assert (answer.error["code"], answer.error["message"]) == (
        (-32602, "Invalid cursor") if cursor != "\ud800" else (-32700, answer.error["message"])
    )


async def test_a_custom_input_schema_is_listed_unchanged() -> None:
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
    }
    schema |= {"properties": {"a": {"type": "integer"}}, "if": {"required": ["a"]}, "then": True}
    server = McpServer("test", version="1.0")

    @server.tool(input_schema=schema)
    def add(a: int) -> int:
        return a

    async with rpc_client(server) as peer:
        (tool,) = (await peer.ask("tools/list")).result["tools"]
        assert (await peer.call("add", a=1)).content_text == "1"
        refused = await peer.call("add", a="1")

    assert tool["inputSchema"] == schema
    assert refused.result["isError"] is True


def test_a_schema_that_is_not_an_object_schema_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1.0").tool(input_schema={"type": "array"})(takes_a_name)

    assert refusal.value.reason == "unusable-schema"


@proves("S122", "refuses", "401 and 403 challenges")
def test_the_rule_of_a_template_applies_to_all_its_uris() -> None:
    policy = Policy(
        rules={
            ("resources/read", "notes://about"): Rule(),
            ("resources/read", "notes://{owner}"): Rule(frozenset({"mcp:notes"})),
        },
        unknown="base",
    )

    def allowed(who: Identity, uri: str, method: str = "resources/read") -> bool:
        from doorward.policy import Operation

        return policy.decide(who, Operation(method, uri)).allowed

    assert allowed(BOB, "notes://about")
    assert allowed(ALICE, "notes://alice")
    assert not allowed(BOB, "notes://alice")
    assert not allowed(BOB, "notes://%61lice")
    assert not allowed(BOB, "notes://alice", "resources/subscribe")
