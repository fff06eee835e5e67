"""The rule machine: draws requests, faults and clock steps, and compares every answer."""

import asyncio
import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from doorward.wire.oauth.scope import build_scope
from tests.authserver.harness import CALLBACK, RESOURCE
from tests.authserver.model.faults import CancelledAt, StoreFault
from tests.authserver.model.reference import Answer, World
from tests.authserver.model.replicas import CLIENTS, PASSWORD, Replicas, Reply
from tests.postgresql.cluster import Cluster

T = TypeVar("T")

START = 1_800_000_000.0
USERS = ("alice", "bob")
READ, TOOLS = "mcp:read", "mcp:tools"
# How far the clock may be behind its latest time.
FARTHEST_BACK = 7200
# Each fault can double them, until answers tell which of them is true.
MOST_WORLDS = 8
STEPS = (0.4, 20.0, 31.0, 61.0, 600.0, 3600.0, 15 * 86400.0, -20.0, -120.0, -3600.0)

one_of_two = st.sampled_from((0, 1))
# The latest is used most, as by an honest client and by whoever races it.
recent = st.sampled_from((0, 0, 1, 2, 5))
people = st.sampled_from(USERS)
permissions = st.sampled_from((frozenset({READ}), frozenset({TOOLS}), frozenset({READ, TOOLS})))
# The await that the process does not survive, and whether what it waits for still happens.
ends = st.tuples(st.integers(0, 4), st.booleans())
faults = st.builds(StoreFault, st.integers(0, 2), st.sampled_from(("before", "after")))


def on_postgresql(cluster: Cluster) -> type["TokenMachine"]:
    """Return the machine with its databases on a server of PostgreSQL."""

    class OnPostgresql(TokenMachine):
        def new_database(self) -> str:
            return self.runner.run(cluster.migrated_database())

        def give_database_back(self) -> None:
            self.runner.run(cluster.give_back(self.database_url))

    return OnPostgresql


@dataclass(frozen=True)
class TokenRequest:
    """One request to the token endpoint, and what it does to a world."""

    fields: dict[str, str]
    carry_out: Callable[[World], Answer | str]


@dataclass(frozen=True)
class KnownCode:
    """A code that a client has received."""

    code: str
    client: str
    verifier: str


class TokenMachine(RuleBasedStateMachine):
    """Two replicas, and the worlds that agree with everything they have answered."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.database_url = self.new_database()
        self.replicas = Replicas(self.database_url, START)
        self.worlds = [World(START)]
        self.latest = START
        self.codes: list[KnownCode] = []
        # With the client that each was issued to.
        self.refresh_tokens: list[tuple[str, str]] = []
        self.access_tokens: list[tuple[str, str]] = []
        self.rotated: list[tuple[str, str]] = []

    def teardown(self) -> None:
        self.runner.run(self.replicas.aclose())
        self.give_database_back()
        self.runner.close()
        self.folder.cleanup()

    def new_database(self) -> str:
        """Return the URL of a database for both replicas."""
        return f"sqlite+aiosqlite:///{self.folder.name}/doorward.db"

    def give_database_back(self) -> None:
        """Leave the database to the next machine."""

    @initialize()
    def start(self) -> None:
        self.runner.run(self.replicas.start())
        users = self.replicas.server(0).users
        for user in USERS:
            self.runner.run(users.add(user, PASSWORD, (READ, TOOLS)))
            self.worlds[0].users[user] = frozenset({READ, TOOLS})
        for user, client in zip(USERS, CLIENTS, strict=True):
            self.sign_in(user, client)
            self.redeem(0, 0)

    # Honest clients.

    @rule(user=people, client=st.sampled_from(CLIENTS))
    def sign_in(self, user: str, client: str) -> None:
        if any(user in world.disabled for world in self.worlds):
            return
        # A challenge that was used before is refused as a replay of the authorization request.
        verifier = f"verifier-{len(self.codes)}-that-is-long-enough-to-be-one-of-them"
        code = self.runner.run(self.replicas.sign_in(user, client, verifier))
        self.codes.append(KnownCode(code, client, verifier))
        for world in self.worlds:
            world.issue_code(code, user, client, verifier)

    @rule(which=recent, at=one_of_two)
    def redeem(self, which: int, at: int) -> None:
        self._send([redemption(pick(self.codes, which))], at)

    @rule(which=recent, at=one_of_two, asked=st.none() | permissions)
    def refresh(self, which: int, at: int, asked: frozenset[str] | None) -> None:
        self._send([renewal(*pick(self.refresh_tokens, which), asked)], at)

    @rule(which=recent, at=one_of_two)
    def refresh_with_a_rotated_token(self, which: int, at: int) -> None:
        if self.rotated:
            self._send([renewal(*pick(self.rotated, which))], at)

    @rule(which=recent, at=one_of_two)
    def redeem_twice_at_once(self, which: int, at: int) -> None:
        self._send([redemption(pick(self.codes, which))] * 2, at)

    @rule(which=recent, at=one_of_two)
    def refresh_twice_at_once(self, which: int, at: int) -> None:
        self._send([renewal(*pick(self.refresh_tokens, which))] * 2, at)

    @rule(which=recent, at=one_of_two, access=st.booleans(), other=st.booleans())
    def revoke(self, which: int, at: int, access: bool, other: bool) -> None:
        token, client = pick(self.access_tokens if access else self.refresh_tokens, which)
        client = another(client) if other else client
        fields = {"token": token, "client_id": client}
        reply = self.runner.run(self.replicas.post(at, "/revoke", fields))
        assert reply.status == 200, reply
        for world in self.worlds:
            world.revoke(token, client)
        self.introspect(which, 1 - at)

    # Attackers.

    @rule(which=recent, at=one_of_two)
    def redeem_with_another_verifier(self, which: int, at: int) -> None:
        known = pick(self.codes, which)
        self._send([redemption(KnownCode(known.code, known.client, known.verifier + "x"))], at)

    @rule(user=people, client=st.sampled_from(CLIENTS), at=one_of_two)
    def redeem_before_the_attacker_has_the_verifier(self, user: str, client: str, at: int) -> None:
        self.sign_in(user, client)
        self.redeem_with_another_verifier(0, at)
        self.redeem(0, 1 - at)

    @rule(which=recent, at=one_of_two)
    def redeem_as_another_client(self, which: int, at: int) -> None:
        known = pick(self.codes, which)
        stolen = KnownCode(known.code, another(known.client), known.verifier)
        self._send([redemption(stolen)], at)

    @rule(which=recent, at=one_of_two)
    def refresh_as_another_client(self, which: int, at: int) -> None:
        token, client = pick(self.refresh_tokens, which)
        self._send([renewal(token, another(client))], at)

    # Faults: the answer is lost, the store fails, or the process ends at any await.

    @rule(which=recent, at=one_of_two, fault=faults)
    def redeem_while_the_store_fails(self, which: int, at: int, fault: StoreFault) -> None:
        self._send_with_fault(redemption(pick(self.codes, which)), at, fault)

    @rule(which=recent, at=one_of_two, fault=faults)
    def refresh_while_the_store_fails(self, which: int, at: int, fault: StoreFault) -> None:
        self._send_with_fault(renewal(*pick(self.refresh_tokens, which)), at, fault)

    @rule(which=recent, at=one_of_two, end=ends)
    def redeem_and_end_the_process(self, which: int, at: int, end: tuple[int, bool]) -> None:
        self._send_and_cancel(redemption(pick(self.codes, which)), at, end)

    @rule(which=recent, at=one_of_two, end=ends)
    def refresh_and_end_the_process(self, which: int, at: int, end: tuple[int, bool]) -> None:
        self._send_and_cancel(renewal(*pick(self.refresh_tokens, which)), at, end)

    # Operators and time.

    @rule(seconds=st.sampled_from(STEPS))
    def step_the_clock(self, seconds: float) -> None:
        now = max(self.replicas.now + seconds, self.latest - FARTHEST_BACK)
        self.replicas.now, self.latest = now, max(self.latest, now)
        for world in self.worlds:
            world.now = now

    @rule(which=recent, at=one_of_two)
    def refresh_after_two_weeks(self, which: int, at: int) -> None:
        self.step_the_clock(15 * 86400.0)
        self.refresh(which, at, None)

    @rule(user=people, scopes=permissions, at=one_of_two)
    def set_permissions(self, user: str, scopes: frozenset[str], at: int) -> None:
        self.runner.run(self.replicas.server(at).users.set_permissions(user, scopes, ()))
        for world in self.worlds:
            world.users[user] = scopes

    @rule(user=people, at=one_of_two)
    def disable(self, user: str, at: int) -> None:
        self.runner.run(self.replicas.server(at).users.disable(user))
        for world in self.worlds:
            world.disable(user)

    @rule(user=people, at=one_of_two)
    def disable_for_a_moment(self, user: str, at: int) -> None:
        self.disable(user, at)
        self.enable(user, 1 - at)

    @rule(user=people, at=one_of_two)
    def enable(self, user: str, at: int) -> None:
        self.runner.run(self.replicas.server(at).users.enable(user))
        for world in self.worlds:
            world.disabled.discard(user)

    @rule(at=one_of_two)
    def rotate_keys(self, at: int) -> None:
        self.runner.run(self.replicas.server(at).keys.rotate())

    @rule(at=one_of_two)
    def restart(self, at: int) -> None:
        self.runner.run(self.replicas.restart(at))

    # What a resource server sees.

    @rule(which=recent, at=one_of_two)
    def introspect(self, which: int, at: int) -> None:
        token, _ = pick(self.access_tokens, which)
        seen = self.runner.run(self.replicas.introspect(at, token))
        self._keep(world for world in self.worlds if agrees(world, token, seen))

    def _send(self, requests: list[TokenRequest], at: int) -> None:
        async def send() -> list[Reply]:
            replies = (
                self.replicas.post((at + number) % 2, "/token", request.fields)
                for number, request in enumerate(requests)
            )
            return list(await asyncio.gather(*replies))

        replies = self.runner.run(send())
        for request, reply in zip(requests, replies, strict=True):
            self._note(request, reply)
        orders = list(permutations(zip(requests, replies, strict=True)))
        self._keep(
            after
            for world in self.worlds
            for order in orders
            if (after := carried_out(world, order)) is not None
        )
        # At the other replica, which must have learned of it.
        self.introspect(0, 1 - at)

    def _send_with_fault(self, request: TokenRequest, at: int, fault: StoreFault) -> None:
        # Not a precondition: which rules may run must not depend on how two requests raced.
        if len(self.worlds) >= MOST_WORLDS:
            return
        self.replicas.store(at).plan(fault)
        reply = self.runner.run(self.replicas.post(at, "/token", request.fields))
        self.replicas.store(at).plan(None)
        self._finish(request, None if reply.status == 503 else reply)

    def _send_and_cancel(self, request: TokenRequest, at: int, end: tuple[int, bool]) -> None:
        if len(self.worlds) >= MOST_WORLDS:
            return

        async def send() -> Reply | None:
            work = self.replicas.post(at, "/token", request.fields)
            reply: Reply | None = await CancelledAt(work, *end)
            return reply

        reply = self.runner.run(send())
        self.runner.run(self.replicas.restart(at))
        self._finish(request, reply)

    def _finish(self, request: TokenRequest, reply: Reply | None) -> None:
        """Take the reply into account; without one, the request was carried out or was not."""
        if reply is not None:
            self._note(request, reply)
            self._keep(
                after
                for world in self.worlds
                if (after := carried_out(world, [(request, reply)])) is not None
            )
            return
        changed = [copy.deepcopy(world) for world in self.worlds]
        for world in changed:
            request.carry_out(world)
        self._keep(self.worlds + changed)

    def _note(self, request: TokenRequest, reply: Reply) -> None:
        if reply.status == 200:
            if "refresh_token" in request.fields:
                self.rotated.append((request.fields["refresh_token"], request.fields["client_id"]))
            access, refresh = reply.tokens
            client = request.fields["client_id"]
            if (refresh, client) not in self.refresh_tokens:
                self.refresh_tokens.append((refresh, client))
                self.access_tokens.append((access, client))

    def _keep(self, worlds: Iterable[World]) -> None:
        self.worlds = list({repr(world): world for world in worlds}.values())
        assert self.worlds, "no possible state of the server explains its answers"


def redemption(known: KnownCode) -> TokenRequest:
    """Return the request that redeems a code."""
    fields = {
        "grant_type": "authorization_code",
        "code": known.code,
        "client_id": known.client,
        "code_verifier": known.verifier,
        "redirect_uri": CALLBACK,
        "resource": RESOURCE,
    }
    return TokenRequest(
        fields, lambda world: world.redeem(known.code, known.client, known.verifier)
    )


def renewal(token: str, client: str, asked: frozenset[str] | None = None) -> TokenRequest:
    """Return the request that uses a refresh token."""
    fields = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client}
    if asked is not None:
        fields["scope"] = build_scope(asked)
    return TokenRequest(fields, lambda world: world.refresh(token, client, asked))


def carried_out(world: World, order: Iterable[tuple[TokenRequest, Reply]]) -> World | None:
    """Return the world after these requests, or ``None`` if it would have answered otherwise."""
    after = copy.deepcopy(world)
    for request, reply in order:
        expected = request.carry_out(after)
        if isinstance(expected, str):
            if (reply.status, reply.error) != (400, expected):
                return None
        elif reply.status != 200 or not after.receive(expected, reply.tokens):
            return None
    return after


def agrees(world: World, token: str, seen: dict[str, object]) -> bool:
    """Say whether this world would answer an introspection so."""
    access = world.access_tokens[token]
    if not world.is_active(token):
        return seen == {"active": False}
    return seen.get("active") is True and seen.get("scope") == build_scope(access.scopes)


def pick(known: Sequence[T], which: int) -> T:
    """Return one of the last few, of which the latest is number 0."""
    return known[-1 - which % len(known)]


def another(client: str) -> str:
    """Return the client that is not this one."""
    return next(name for name in CLIENTS if name != client)
