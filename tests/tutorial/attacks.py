"""The attacks of the tutorial: which step suffers each of them, and which one closes it.

One test runs all of them against all steps. An attack answers whether it succeeded.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import httpx2

from doorward.jose.compact import encode_segment
from doorward.jose.private_key import signing_input
from doorward.testing import PrivateKey
from tests.tutorial.in_process import Caller, key
from tests.tutorial.mix_up import hands_over_the_code

# The servers; step 11 is a client, and runs beside step 10.
STEPS = tuple(range(1, 11))
EVERY = (*STEPS, 11)


@dataclass(frozen=True)
class Attack:
    """
    One attack: a sentence for the reader, and the function that carries it out.

    ``applies`` is the first step that has what is attacked, ``suffers`` the one whose page tells of
    it, ``closes`` the one from which on it fails.
    """

    name: str
    sentence: str
    applies: int
    suffers: int
    closes: int
    run: Callable[[Caller], Awaitable[bool]]

    def succeeds_at(self, step: int) -> bool | None:
        """Say whether the attack must succeed at ``step``; ``None`` where it has no target yet."""
        return None if step < self.applies else step < self.closes


def _served(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and "error" not in answer.json()


def _greeted(caller: Caller) -> tuple[str, str]:
    """Return a method that every step since the second answers, and what goes along with it."""
    return "server/discover", caller.token() if caller.step >= 5 else ""


async def _foreign_page(caller: Caller) -> bool:
    if caller.step == 1:
        answer = await caller.get("/health", host="rebound.example:9000")
        return _served(answer)
    method, good = _greeted(caller)
    rebound = await caller.ask(method, token=good, headers={"host": "rebound.example:9000"})
    across = await caller.ask(method, token=good, headers={"origin": "https://evil.example"})
    return _served(rebound) or _served(across)


async def _header_unlike_body(caller: Caller) -> bool:
    method, good = _greeted(caller)
    # A proxy in front that lets "tools/list" pass for everybody would let this pass too.
    return _served(await caller.ask(method, token=good, headers={"mcp-method": "tools/list"}))


async def _duplicate_member(caller: Caller) -> bool:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}'
    return _served(await caller.post(body, token=_greeted(caller)[1]))


async def _oversized_body(caller: Caller) -> bool:
    filling = "x" * (5 * 1024 * 1024)
    body = f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{filling}"}}}}'
    return _served(await caller.post(body.encode(), token=_greeted(caller)[1]))


async def _echoes(caller: Caller, token: str | None) -> bool:
    answer = await caller.call("echo", {"message": "hello"}, token=token)
    return _served(answer) and not answer.json()["result"]["isError"]


async def _anyone_calls(caller: Caller) -> bool:
    return await _echoes(caller, None)


async def _unsigned(caller: Caller) -> bool:
    forged = signing_input(
        caller.mint().header(alg="none"), caller.mint().claims("admin", roles={"admin"})
    )
    return await _echoes(caller, forged.decode() + ".")


async def _signed_with_the_public_key(caller: Caller) -> bool:
    # Published by the server until step 9, and by the provider from step 10 on.
    message = signing_input(
        caller.mint().header(alg="HS256"), caller.mint().claims("admin", scopes={"mcp:admin"})
    )
    signature = hmac.new(key().public_pem(), message, hashlib.sha256).digest()
    return await _echoes(caller, f"{message.decode()}.{encode_segment(signature)}")


@cache
def _key_of_the_thief() -> PrivateKey:
    return PrivateKey.generate("RS256")


async def _brings_its_own_key(caller: Caller) -> bool:
    thief = _key_of_the_thief()
    header = caller.mint().header(kid=thief.thumbprint, jwk=thief.public_jwk())
    message = signing_input(header, caller.mint().claims("admin", scopes={"mcp:admin"}))
    return await _echoes(caller, f"{message.decode()}.{encode_segment(thief.signature(message))}")


async def _replayed_from_another_server(caller: Caller) -> bool:
    stolen = caller.mint().mint(
        "alice", scopes={"mcp:read", "mcp:tools"}, audience="https://notes.example/mcp"
    )
    return await _echoes(caller, stolen)


async def _granted_nothing(caller: Caller) -> bool:
    return await _echoes(caller, caller.mint().mint("guest", roles={"guest"}))


async def _claims_to_be_admin(caller: Caller) -> bool:
    alice = caller.token("alice")
    said = {"x-user": "admin", "mcp-user": "admin", "remote-user": "admin"}
    claimed = {"io.modelcontextprotocol/user": "admin", "mcp-step-by-step/user": {"id": "admin"}}
    answers = [
        await caller.call("read_notes", {"user": "admin"}, token=alice),
        await caller.call("read_notes", {}, token=alice, headers=said, meta=claimed),
    ]
    said_so = await caller.call("whoami", {}, token=alice, headers=said, meta=claimed)
    taken = said_so.json().get("result", {}).get("structuredContent", {}).get("id") == "admin"
    return taken or any("safe" in answer.text for answer in answers)


async def _stolen_key(caller: Caller) -> bool:
    good = await _echoes(caller, caller.token())
    caller.replace_key()
    return good and await _echoes(caller, caller.token("admin", role="admin"))


async def _mixed_up(caller: Caller) -> bool:
    return await hands_over_the_code(caller.step)


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "foreign-page",
        "A page in your browser points its own host name at this machine and reads the answers.",
        1,
        1,
        2,
        _foreign_page,
    ),
    Attack(
        "header-unlike-body",
        "The headers ask for something harmless, the body for something else.",
        2,
        2,
        3,
        _header_unlike_body,
    ),
    Attack(
        "duplicate-member",
        "The body names two methods: one for the proxy to read, one for the server.",
        2,
        2,
        3,
        _duplicate_member,
    ),
    Attack(
        "oversized-body",
        "A body without end fills the memory of the server.",
        2,
        3,
        4,
        _oversized_body,
    ),
    Attack(
        "anyone-calls",
        "Somebody without any token calls a tool.",
        4,
        4,
        6,
        _anyone_calls,
    ),
    Attack(
        "unsigned-token",
        "A token says of itself that it needs no signature.",
        5,
        5,
        6,
        _unsigned,
    ),
    Attack(
        "public-key-as-secret",
        "A token is signed with the public key, as if it were a shared secret.",
        5,
        5,
        6,
        _signed_with_the_public_key,
    ),
    Attack(
        "own-key",
        "A token brings the key along that it wants to be checked with.",
        5,
        5,
        6,
        _brings_its_own_key,
    ),
    Attack(
        "another-servers-token",
        "The operator of another server spends a token here that a user sent there.",
        5,
        6,
        7,
        _replayed_from_another_server,
    ),
    Attack(
        "no-scope",
        "A token that was granted nothing calls a tool.",
        5,
        7,
        8,
        _granted_nothing,
    ),
    Attack(
        "claimed-identity",
        "Alice says in an argument, in a header and in `_meta` that she is the administrator.",
        8,
        8,
        9,
        _claims_to_be_admin,
    ),
    Attack(
        "stolen-key",
        "The operator makes a new key because the old one was stolen; the thief goes on signing.",
        6,
        9,
        10,
        _stolen_key,
    ),
    Attack(
        "mix-up",
        "A second provider has the browser come back with the first one's code; the client hands it over.",
        10,
        10,
        11,
        _mixed_up,
    ),
)
