"""A small server starts without what it does not need yet: each part comes with its first use."""

import json
import subprocess
import sys
import textwrap

# Everything that weighs: what one of these takes to load, each server pays at each start.
HEAVY = (
    "anyio",
    "cryptography",
    "fastapi",
    "h11",
    "httpcore2",
    "httpx2",
    "pydantic",
    "pydantic_core",
    "sqlalchemy",
    "starlette",
    "structlog",
)

SERVER = """
import asyncio, json, sys
from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.identity import SCOPE_KEY

server = McpServer("small", version="1.0")


@server.tool(scopes={"mcp:tools"})
async def add(a: int, b: int, loud: bool = False) -> int:
    return a + b


@server.tool(scopes={"mcp:tools"})
async def scale(by: float = 1.5) -> float:
    return by


@server.tool(scopes={"mcp:tools"})
async def whoami(user: Identity, greeting: str = "Hello") -> str:
    return f"{greeting} {user.subject}"


policy = Policy(base=Rule(), rules=server.rules)
guard = Guard(resource="http://127.0.0.1/mcp", issuer="https://issuer.example", policy=policy)
app = guard.protect(server.asgi)
# Behind a guard, the endpoint serves verified callers alone.
CALLER = Identity(
    issuer="https://issuer.example", subject="alice", client_id="c", kind="person", expires_at=2e9,
    scopes=frozenset({"mcp:tools"}), roles=frozenset(),
)


async def ask(app, method, params, **headers):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    named = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": params["name"]} if "name" in params else {}),
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": [(key.encode(), value.encode()) for key, value in named.items()],
        SCOPE_KEY: CALLER if app is server.asgi else None,
    }
    told = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(asked).encode()}

    async def send(part):
        told.append(part)

    await app(scope, receive, send)
    return told[0]["status"], b"".join(part.get("body", b"") for part in told)


def loaded(*names):
    return [name for name in names if name in sys.modules]
"""


def told_by(script: str) -> list[object]:
    """Return what a process of its own prints, line by line as JSON."""
    whole = SERVER + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    return [
        json.loads(line) for line in done.stdout.splitlines() if not line.startswith('{"event"')
    ]


def test_a_small_server_answers_before_anything_heavy_is_loaded() -> None:
    status, heavy = told_by(f"""
        status, body = asyncio.run(ask(app, "tools/call", {{"name": "add"}}))
        print(status)
        print(json.dumps(loaded(*{HEAVY!r})))
    """)

    assert status == 401
    assert heavy == []


def test_lists_and_plain_calls_need_nothing_heavy_either() -> None:
    listed, called, heavy = told_by(f"""
        server.decide = lambda user, wanted: True
        status, body = asyncio.run(ask(server.asgi, "tools/list", {{}}))
        print(json.dumps([tool["name"] for tool in json.loads(body)["result"]["tools"]]))
        arguments = {{"a": 2, "b": 3, "loud": True}}
        status, body = asyncio.run(ask(server.asgi, "tools/call", {{"name": "add", "arguments": arguments}}))
        print(json.dumps(json.loads(body)["result"]["structuredContent"]))
        print(json.dumps(loaded(*{HEAVY!r})))
    """)

    assert listed == ["add", "scale", "whoami"]
    assert called == {"result": 5}
    assert heavy == []


def test_what_only_pydantic_can_judge_brings_it_in() -> None:
    wrong, half, heavy = told_by("""
        server.decide = lambda user, wanted: True
        arguments = {"a": "two", "b": 3}
        status, body = asyncio.run(ask(server.asgi, "tools/call", {"name": "add", "arguments": arguments}))
        print(json.dumps(json.loads(body)["result"]["content"][0]["text"]))
        arguments = {"by": 0.5}
        status, body = asyncio.run(ask(server.asgi, "tools/call", {"name": "scale", "arguments": arguments}))
        print(json.dumps(json.loads(body)["result"]["structuredContent"]))
        print(json.dumps(loaded("pydantic")))
    """)

    assert wrong == "Invalid arguments. a: Input should be a valid integer"
    assert half == {"result": 0.5}
    assert heavy == ["pydantic"]


def test_what_cannot_be_served_is_told_to_its_author_before_anybody_asks() -> None:
    (told,) = told_by("""
        from doorward import ConfigurationError

        class Opaque: ...

        reasons = []
        for annotations in ({"one": Opaque}, {"return": Opaque}):
            async def tool(one): ...
            tool.__annotations__ = annotations
            try:
                server.tool()(tool)
            except ConfigurationError as error:
                reasons.append(error.reason)
        print(json.dumps(reasons))
    """)

    assert told == ["unusable-signature", "unusable-result"]
