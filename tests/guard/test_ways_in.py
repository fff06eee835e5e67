"""One pipeline for every way in: a malformed credential is nobody's to see."""

from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI

from doorward.guard.fastapi import signed_in
from doorward.identity import Identity
from doorward.tokens import CredentialVerifier, OpaqueIssuer, TrustedIssuer
from tests.guard.bench import Bench, message
from tests.guard.bench import trusted as signed
from tests.ledger import proves
from tests.tokens.asked import Asked, opaque
from tests.tokens.clock import Time

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
    """One guard with an issuer that is asked: in front of an endpoint, and beside it."""

    def __init__(self, **options: Any) -> None:
        self.time = Time()
        self.issuer = Asked()
        trusted: list[TrustedIssuer | OpaqueIssuer] = [signed(), opaque(**options)]
        verifier = CredentialVerifier(trusted, fetcher=self.issuer, clock=self.time)
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

    async def ask(
        self, way: str, headers: list[tuple[bytes, bytes]], query: str = ""
    ) -> httpx2.Response:
        """Come in by one of the ways."""
        app: Any = self.bench.door if way == "endpoint" else self.web
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://mcp.example"
        ) as client:
            if way == "endpoint":
                call = message("tools/call", name="add")
                return await client.post(f"/mcp{query}", json=call, headers=headers)
            return await client.get(f"/orders{query}", headers=headers)


def authorization(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", value) for value in values]


both_ways = pytest.mark.parametrize("way", ["endpoint", "route"])


@proves("S194", "refuses")
@both_ways
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_credential_is_refused_before_any_issuer_is_asked(
    way: str, case: str
) -> None:
    given, status, reason = MALFORMED[case]
    ways = Ways()

    answer = await ways.ask(way, authorization(*given))

    assert ways.issuer.questions == []
    assert answer.status_code == status
    (event,) = ways.bench.events
    assert (event.reason, event.decision, event.status) == (reason, "refused", status)
    assert "opaque" not in f"{answer.text}{answer.headers}{ways.bench.events}"


@proves("S194", "refuses")
@both_ways
async def test_a_token_in_the_query_is_refused_before_any_issuer_is_asked(way: str) -> None:
    ways = Ways()

    answer = await ways.ask(way, authorization(OPAQUE.encode()), "?access_token=opaque-of-alice")

    assert (answer.status_code, ways.issuer.questions) == (400, [])
    assert ways.bench.events[-1].reason == "ambiguous-token"


@proves("S194", "accepts")
@both_ways
@pytest.mark.parametrize(
    "given", [OPAQUE, "bearer opaque-of-alice", "BEARER  opaque-of-alice", f" {OPAQUE} "]
)
async def test_one_well_formed_credential_is_looked_up_once(way: str, given: str) -> None:
    ways = Ways()

    for _ in range(2):
        answer = await ways.ask(way, authorization(given.encode()))
        assert answer.status_code == 200

    assert len(ways.issuer.questions) == 1
    assert [event.reason for event in ways.bench.events] == ["allowed", "allowed"]


@both_ways
async def test_what_an_operation_needs_is_in_the_audit_on_every_way_in(way: str) -> None:
    ways = Ways()

    await ways.ask(way, authorization(OPAQUE.encode()))

    assert "mcp:read" in ways.bench.events[-1].scopes


@both_ways
async def test_a_verifier_is_started_by_its_first_token_on_every_way_in(way: str) -> None:
    ways, started = Ways(), []

    async def start() -> None:
        started.append(way)

    ways.bench.guard.verifier.start = start  # type: ignore[method-assign]
    for _ in range(2):
        await ways.ask(way, authorization(OPAQUE.encode()))

    assert started == [way]
