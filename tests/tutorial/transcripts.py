"""What really goes over the wire at each step: an honest session, and one request that is refused.

Recorded from the application itself. Tokens are shortened, and what differs from run to run is
replaced, so that the same code gives the same bytes.
"""

import json
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.tutorial.attacks import STEPS
from tests.tutorial.in_process import LEGACY, Caller, caller_of, key

# The headers that matter: what the client says that is MCP's or OAuth's, and what the server says
# that tells the client what to do next.
SENT: tuple[str, ...] = (
    "host",
    "origin",
    "authorization",
    "content-type",
    "accept",
    "mcp-protocol-version",
)
SENT += ("mcp-method", "mcp-name", "x-user")
TOLD = ("content-type", "www-authenticate", "cache-control", "vary", "mcp-user", "allow")

Exchange = dict[str, Any]
_INITIALIZE = {
    "protocolVersion": LEGACY,
    "capabilities": {},
    "clientInfo": {"name": "reader", "version": "1"},
}
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_CORRELATION = re.compile(r'("correlation_id": ?)"[0-9a-f]+"')
_TOKEN = re.compile(r"eyJ[\w-]{5}[\w-]*\.[\w-]+\.[\w-]*")


def _plain(text: str) -> str:
    """Return ``text`` without what differs from run to run."""
    text = _TIME.sub("2026-07-28T12:00:00+00:00", text)
    text = _CORRELATION.sub(r'\1"0123456789abcdef"', text)
    text = text.replace(key().thumbprint, "the-keys-own-fingerprint")
    text = text.replace(str(key().public_jwk()["n"]), "sXch…kYw")
    return _TOKEN.sub("eyJhbGci…", text)


def _read(text: str) -> Any:
    """Return a body as data where it is JSON, and as text where it is not."""
    try:
        return json.loads(_plain(text))
    except ValueError:
        return _plain(text)


def _exchange(says: str, answer: httpx2.Response) -> Exchange:
    asked = answer.request
    found: Exchange = {
        "says": says,
        "from": "client",
        "to": "server",
        "method": asked.method,
        "path": asked.url.path,
        "headers": {name: _plain(asked.headers[name]) for name in SENT if name in asked.headers},
        "body": _read(asked.content.decode()) if asked.content else None,
        "status": answer.status_code,
        "answer_headers": {n: _plain(answer.headers[n]) for n in TOLD if n in answer.headers},
        "answer": _read(answer.text) if answer.text else None,
    }
    if asked.method == "GET":
        for needless in ("accept", "content-type"):
            found["headers"].pop(needless, None)
    return found


class Recorder:
    """Keeps what a caller asked and was told, each with a sentence for the reader."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.exchanges: list[Exchange] = []

    async def keep(self, says: str, asked: Awaitable[httpx2.Response]) -> None:
        """Wait for an answer, and keep it with what was asked."""
        self.exchanges.append(_exchange(says, await asked))


async def _step1(it: Recorder) -> None:
    get = it.caller.get
    await it.keep("Is anybody there?", get("/health"))
    await it.keep(
        "A page that points its own name at this machine is answered, too.",
        get("/health", host="rebound.example:9000"),
    )


async def _step2(it: Recorder) -> None:
    ask = it.caller.ask
    await it.keep("What do you speak, and what can you do?", ask("server/discover"))
    await it.keep(
        "The same question as clients asked it until 2025-11-25.",
        ask("initialize", _INITIALIZE, version=LEGACY),
    )
    await it.keep("There are no tools yet.", ask("tools/list"))
    await it.keep(
        "A page from elsewhere is refused.",
        ask("server/discover", headers={"origin": "https://evil.example"}),
    )


async def _step3(it: Recorder) -> None:
    ask = it.caller.ask
    await it.keep("Which tools are there?", ask("tools/list"))
    await it.keep("Which prompts are there?", ask("prompts/list"))
    await it.keep(
        "A header that says something else than the body is refused.",
        ask("tools/list", headers={"mcp-method": "server/discover"}),
    )


async def _step4(it: Recorder) -> None:
    caller = it.caller
    await it.keep("Run a tool.", caller.call("echo", {"message": "hello"}))
    await it.keep(
        "Run a tool that reports how far it is: the answer becomes a stream.",
        caller.call("countdown", {"start": 2}, meta={"progressToken": "p"}),
    )
    greeting = {"name": "greeting", "arguments": {"name": "Ada"}}
    await it.keep("Fetch a prompt.", caller.ask("prompts/get", greeting))
    await it.keep(
        "An argument that nobody asked for is told to the model.",
        caller.call("echo", {"message": "hello", "user": "admin"}),
    )
    await it.keep("A tool that there is not is an error.", caller.call("nothing"))


async def _step5(it: Recorder) -> None:
    caller = it.caller
    await it.keep("Which keys are tokens signed with?", caller.get("/.well-known/jwks.json"))
    await it.keep(
        "Nobody looks at the token yet, so a forged one is served.",
        caller.call("echo", {"message": "hello"}, token="not.a.token"),
    )


async def _step6(it: Recorder) -> None:
    caller = it.caller
    await it.keep("Without a token.", caller.call("echo", {"message": "hello"}))
    alice = caller.mint().mint("alice", scopes={"mcp:read", "mcp:tools"}, roles={"user"})
    await it.keep("With one.", caller.call("echo", {"message": "hello"}, token=alice))
    await it.keep("Who am I here?", caller.get("/me", authorization=f"Bearer {alice}"))
    expired = caller.mint().mint("alice", iat=1, exp=3600)
    await it.keep(
        "With one that has expired.", caller.call("echo", {"message": "hello"}, token=expired)
    )


async def _step7(it: Recorder) -> None:
    caller = it.caller
    await it.keep(
        "Without a token: the challenge says where to read on.",
        caller.call("echo", {"message": "hello"}),
    )
    await it.keep(
        "What are you called, and who issues your tokens?",
        caller.get("/.well-known/oauth-protected-resource/mcp"),
    )
    await it.keep(
        "And what does that issuer say of itself?",
        caller.get("/.well-known/oauth-authorization-server"),
    )
    await it.keep(
        "The metadata is in the answers, too.", caller.ask("server/discover", token=caller.token())
    )
    stolen = caller.mint().mint("alice", scopes={"mcp:tools"}, audience="https://notes.example/mcp")
    await it.keep(
        "A genuine token that was minted for another server is refused.",
        caller.call("echo", {"message": "hello"}, token=stolen),
    )


async def _step8(it: Recorder) -> None:
    caller = it.caller
    alice = caller.mint().mint("alice", scopes={"mcp:read", "mcp:tools"}, roles={"user"})
    await it.keep("Alice may use tools.", caller.call("echo", {"message": "hello"}, token=alice))
    await it.keep(
        "Bob may look and not use: he is told all the scopes that the operation needs.",
        caller.call(
            "echo",
            {"message": "hello"},
            token=caller.mint().mint("bob", scopes={"mcp:read"}, roles={"user"}),
        ),
    )
    await it.keep(
        "Alice is no administrator, and no scope would make her one.",
        caller.call("list_users", token=alice),
    )
    await it.keep(
        "Alice asks for somebody else's notes, and gets them.",
        caller.call("read_notes", {"user": "admin"}, token=alice),
    )


async def _step9(it: Recorder) -> None:
    caller = it.caller
    await it.keep("Who am I?", caller.call("whoami", token=caller.token()))
    await it.keep("What have I written down?", caller.call("read_notes", token=caller.token()))
    await it.keep(
        "Alice says that she is somebody else, and is refused.",
        caller.call("read_notes", {"user": "admin"}, token=caller.token()),
    )
    await it.keep(
        "A header has no way in: these are Alice's notes.",
        caller.call("read_notes", token=caller.token(), headers={"x-user": "admin"}),
    )
    guest = caller.mint().mint("guest", roles={"guest"})
    await it.keep("A guest without scopes is refused.", caller.call("whoami", token=guest))


async def _step10(it: Recorder) -> None:
    caller = it.caller
    await it.keep("Without a token: where to read on?", caller.call("whoami"))
    await it.keep(
        "Who issues your tokens now?", caller.get("/.well-known/oauth-protected-resource/mcp")
    )
    alice = caller.token()
    await it.keep("With a token of the provider.", caller.call("whoami", token=alice))
    caller.replace_key()
    await it.keep(
        "The provider has withdrawn the key: what was signed with it is refused.",
        caller.call("whoami", token=caller.token("admin", role="admin")),
    )


SESSIONS: dict[int, Callable[[Recorder], Awaitable[None]]] = {
    1: _step1,
    2: _step2,
    3: _step3,
    4: _step4,
    5: _step5,
    6: _step6,
    7: _step7,
    8: _step8,
    9: _step9,
    10: _step10,
}


async def transcript(step: int) -> list[Exchange]:
    """Return what goes over the wire in the session of ``step``."""
    with tempfile.TemporaryDirectory() as folder:
        async with caller_of(step, Path(folder)) as caller:
            it = Recorder(caller)
            await SESSIONS[step](it)
    return it.exchanges


async def transcripts() -> dict[str, str]:
    """Return every transcript, as JSON, under the name of the file that it is kept in."""
    return {
        f"transcripts/step{step}.json": json.dumps(
            await transcript(step), indent=2, ensure_ascii=False
        )
        + "\n"
        for step in STEPS
    }
