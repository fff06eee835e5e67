"""The endpoint, routes and the gateway refuse the same bad request alike."""

from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI

from doorward.errors import TokenRejected
from doorward.gateway import Gateway, Route
from doorward.guard.pipeline import GuardedRequest
from doorward.identity import Identity
from doorward.integrations.fastapi import signed_in
from doorward.tokens import (
    ApiKeyFile,
    CredentialVerifier,
    OpaqueIssuer,
    TrustedIssuer,
    new_api_key,
)
from doorward.tokens.api_keys.key_file import write_keys
from tests.guard.bench import MINT, NOW, Bench, bearer, message, token
from tests.guard.bench import trusted as signed
from tests.ledger import proves
from tests.net.tls_server import ok, saying, serving
from tests.tokens.clock import FakeClock
from tests.tokens.stub_issuer import StubIssuer, answer, lookup, opaque

OPAQUE = "Bearer opaque-of-alice"

# What stands in Authorization, and how it is refused.
MALFORMED: dict[str, tuple[list[bytes], int, str]] = {
    "a-space-inside": ([b"Bearer a b"], 401, "malformed-token"),
    "two-schemes-in-one": ([b"Bearer a, Basic eDp5"], 401, "malformed-token"),
    "another-scheme-first": ([b"Basic eDp5, Bearer a"], 401, "missing-token"),
    "another-scheme": ([b"Basic eDp5"], 401, "missing-token"),
    "no-token": ([b"Bearer"], 401, "malformed-token"),
    "only-a-space": ([b"Bearer "], 401, "malformed-token"),
    "only-padding": ([b"Bearer =="], 401, "malformed-token"),
    "empty": ([b""], 401, "missing-token"),
    "blank": ([b" \t "], 401, "missing-token"),
    "no-scheme": ([b"opaque-of-alice"], 401, "missing-token"),
    "a-tab-for-a-space": ([b"Bearer\topaque-of-alice"], 401, "missing-token"),
    "another-tab": ([b"Bearer \topaque-of-alice"], 401, "malformed-token"),
    "the-scheme-twice": ([b"Bearer Bearer opaque-of-alice"], 401, "malformed-token"),
    "quoted": ([b'Bearer "opaque-of-alice"'], 401, "malformed-token"),
    "a-comma": ([b"Bearer opaque-of-alice,"], 401, "malformed-token"),
    "padding-inside": ([b"Bearer opaque=of-alice"], 401, "malformed-token"),
    "not-ascii": (["Bearer opaque-of-älice".encode()], 401, "malformed-token"),
    "a-line-end": ([b"Bearer opaque\n"], 401, "malformed-token"),
    "two-headers": ([OPAQUE.encode(), OPAQUE.encode()], 400, "ambiguous-token"),
    "two-headers-of-two": ([b"Basic eDp5", OPAQUE.encode()], 400, "ambiguous-token"),
}


class Ways:
    """One guard with an issuer that looks tokens up: in front of an endpoint, and beside it."""

    def __init__(self, keys: Path | None = None, **lookup_options: Any) -> None:
        self.time = FakeClock()
        self.issuer = StubIssuer()
        trusted: list[TrustedIssuer | OpaqueIssuer] = [
            signed(),
            opaque(lookup=lookup(**lookup_options)),
        ]
        verifier = CredentialVerifier(
            trusted,
            api_keys=None if keys is None else ApiKeyFile(keys, clock=self.time),
            fetcher=self.issuer,
            clock=self.time,
        )
        self.bench = Bench(
            issuers=trusted, verifier=verifier, clock=self.time, serve_other_paths=True
        )
        web = FastAPI()

        @web.get("/orders")
        async def orders(
            user: Annotated[Identity, Depends(signed_in(self.bench.guard))],
        ) -> dict[str, str]:
            return {"subject": user.subject}

        self.web = self.bench.guard.protect(web)
        # Nothing listens there: a refused request is never forwarded.
        self.gateway = self.bench.guard.protect(
            Gateway(
                public="https://mcp.example",
                routes=(Route(path="/mcp", upstream="http://127.0.0.1:1"),),
            )
        )

    async def ask(
        self, way: str, headers: list[tuple[bytes, bytes]], query: str = ""
    ) -> httpx2.Response:
        """Come in by one of the ways."""
        app: Any = {"endpoint": self.bench.guarded, "route": self.web, "gateway": self.gateway}[way]
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://mcp.example"
        ) as client:
            if way != "route":
                call = message("tools/call", name="add")
                return await client.post(f"/mcp{query}", json=call, headers=headers)
            return await client.get(f"/orders{query}", headers=headers)


def authorization(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", value) for value in values]


both_ways = pytest.mark.parametrize("way", ["endpoint", "route"])
every_way = pytest.mark.parametrize("way", ["endpoint", "route", "gateway"])


@proves("S194", "refuses", "malformed Authorization")
@every_way
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_credential_is_refused_before_any_lookup(way: str, case: str) -> None:
    given, status, reason = MALFORMED[case]
    ways = Ways()

    answer = await ways.ask(way, authorization(*given))

    assert ways.issuer.requests == []
    assert answer.status_code == status
    (event,) = ways.bench.events
    assert (event.reason, event.decision, event.status) == (reason, "refused", status)
    assert "opaque" not in f"{answer.text}{answer.headers}{ways.bench.events}"


@proves("S194", "refuses", "malformed Authorization")
@every_way
async def test_a_token_in_the_query_is_refused_before_any_lookup(way: str) -> None:
    ways = Ways()

    answer = await ways.ask(way, authorization(OPAQUE.encode()), "?access_token=opaque-of-alice")

    assert (answer.status_code, ways.issuer.requests) == (400, [])
    assert ways.bench.events[-1].reason == "ambiguous-token"


@proves("S194", "accepts", "malformed Authorization")
@both_ways
@pytest.mark.parametrize(
    "given", [OPAQUE, "bearer opaque-of-alice", "BEARER  opaque-of-alice", f" {OPAQUE} "]
)
async def test_one_well_formed_credential_is_looked_up_once(way: str, given: str) -> None:
    ways = Ways()

    for _ in range(2):
        answer = await ways.ask(way, authorization(given.encode()))
        assert answer.status_code == 200

    assert len(ways.issuer.requests) == 1
    assert [event.reason for event in ways.bench.events] == ["allowed", "allowed"]


@both_ways
async def test_the_audit_event_has_the_required_scopes_on_endpoint_and_route(way: str) -> None:
    ways = Ways()

    await ways.ask(way, authorization(OPAQUE.encode()))

    assert "mcp:read" in ways.bench.events[-1].scopes


@both_ways
async def test_the_first_token_starts_the_verifier_on_endpoint_and_route(way: str) -> None:
    ways, started = Ways(), []

    async def start() -> None:
        started.append(way)

    ways.bench.guard.verifier.start = start  # type: ignore[method-assign]
    for _ in range(2):
        await ways.ask(way, authorization(OPAQUE.encode()))

    assert started == [way]


@proves("S136", "accepts", "revoked tokens are refused")
@proves("S136", "refuses", "revoked tokens are refused")
@both_ways
@pytest.mark.parametrize(("given", "window"), [({}, 60), ({"cache_ttl": 30}, 30)])
async def test_a_revoked_token_is_refused_within_the_documented_window(
    way: str, given: dict[str, Any], window: int
) -> None:
    ways = Ways(**given)
    good = authorization(OPAQUE.encode())
    assert (await ways.ask(way, good)).status_code == 200
    ways.issuer.says = lambda _url: answer({"active": False})

    # Who comes again and again does not make the window longer.
    for _ in range(window - 1):
        ways.time.now += 1
        assert (await ways.ask(way, good)).status_code == 200
    ways.time.now += 1
    refused = [(await ways.ask(which, good)).status_code for which in (way, "endpoint", "route")]

    assert refused == [401, 401, 401]
    assert {event.reason for event in ways.bench.events[-3:]} == {"inactive-token"}


@proves("S136", "refuses", "revoked tokens are refused")
@both_ways
async def test_without_a_cache_a_revoked_token_is_refused_at_once(way: str) -> None:
    ways = Ways(cache_ttl=0)
    good = authorization(OPAQUE.encode())
    assert (await ways.ask(way, good)).status_code == 200

    ways.issuer.says = lambda _url: answer({"active": False})

    assert (await ways.ask(way, good)).status_code == 401


@proves("S136", "accepts", "revoked tokens are refused")
@proves("S136", "refuses", "revoked tokens are refused")
@both_ways
async def test_a_revoked_key_is_refused_within_a_second(way: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    scopes = frozenset({"mcp:read", "mcp:tools"})
    made = [
        new_api_key(name=name, now=NOW, lifetime=3600, scopes=scopes)
        for name in ("nightly", "daily")
    ]
    write_keys(file, [kept for _, kept in made])
    ways = Ways(keys=file)
    nightly, daily = (authorization(f"Bearer {key}".encode()) for key, _ in made)
    for key in (nightly, daily, nightly):
        assert (await ways.ask(way, key)).status_code == 200

    write_keys(file, [made[1][1]])
    ways.time.now += 1

    assert (await ways.ask(way, nightly)).status_code == 401
    assert (await ways.ask(way, daily)).status_code == 200
    assert ways.issuer.requests == []


BAD: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "missing-token"),
    "another-scheme": ({"authorization": "Basic eDp5"}, "missing-token"),
    "no-jws": (bearer("a b"), "malformed-token"),
    "another-issuer": (bearer(MINT.mint("alice", iss="https://evil.example")), "unknown-issuer"),
    "another-audience": (
        bearer(MINT.mint("alice", aud="https://other.example")),
        "wrong-audience",
    ),
    "expired": (bearer(MINT.mint("alice", exp=NOW - 3600)), "outside-lifetime"),
    "unsigned": (bearer(token("mcp:read").rpartition(".")[0] + ".AAAA"), "bad-signature"),
    "no-scope": (bearer(token()), "scope-missing"),
}


@pytest.mark.parametrize("case", BAD)
async def test_endpoint_gateway_and_route_refuse_the_same_bad_request_alike(case: str) -> None:
    given, reason = BAD[case]
    ways, found = Ways(), []
    # A plain route needs fewer scopes than a tool.
    upto = "error_description=" if reason == "scope-missing" else "scope="

    for way in ("endpoint", "gateway", "route"):
        answer = await ways.ask(way, [(k.encode(), v.encode()) for k, v in given.items()])
        said = answer.json()
        error = said["detail"] if way == "route" else said["error"]
        assert error["data"]["correlation_id"] == answer.headers["x-correlation-id"]
        challenge = answer.headers["www-authenticate"]
        found.append((answer.status_code, error["data"]["reason"], challenge.partition(upto)[0]))

    assert found == [found[0]] * 3
    assert found[0][1] == reason
    assert [event.reason for event in ways.bench.events] == [reason] * 3


async def test_a_guarded_gateway_forwards_admitted_requests() -> None:
    ways = Ways()
    async with serving(saying(ok(b"{}", "Content-Type: application/json")), None) as behind:
        upstream = f"http://127.0.0.1:{behind.port}"
        route = Route(path="/mcp", upstream=upstream)
        ways.gateway = ways.bench.guard.protect(
            Gateway(public="https://mcp.example", routes=(route,))
        )
        good = authorization(b"Bearer " + token("mcp:read", "mcp:tools").encode())

        answer = await ways.ask("gateway", good)

    assert (answer.status_code, answer.json()) == (200, {})
    assert [event.reason for event in ways.bench.events] == ["allowed"]


@every_way
async def test_a_proof_of_possession_is_checked_before_the_token_cache(
    way: str,
) -> None:
    ways, seen = Ways(), []

    async def fake_proof(request: GuardedRequest, token: bytes) -> None:
        proof = request.headers.by_name.get(b"dpop")
        seen.append((request.http_method, request.scope["path"], token))
        if proof != b"proof of alice":
            raise TokenRejected("no proof of possession")

    ways.bench.guard.pipeline.proof_check = fake_proof
    good = authorization(OPAQUE.encode())
    accepted = 502 if way == "gateway" else 200
    for _ in range(3):
        assert (await ways.ask(way, [*good, (b"dpop", b"proof of alice")])).status_code == accepted
    # A thief of the token comes while it is remembered, and without the key.
    assert (await ways.ask(way, good)).status_code == 401

    assert len(ways.issuer.requests) == 1
    sent = ("GET", "/orders") if way == "route" else ("POST", "/mcp")
    assert seen == [(*sent, b"opaque-of-alice")] * 4
    assert ways.bench.events[-1].reason == "token-rejected"
