"""``identity.token_for`` in plain FastAPI routes with ``signed_in``."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse

from doorward import Guard, Identity, Policy, current_identity
from doorward.identity import _giving
from doorward.integrations.fastapi import signed_in
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.downstream.issuer import Issuer
from tests.downstream.routes import RESOURCE, caller_of, guard_of
from tests.ledger import proves

TOLD = "Bearer token-orders-api-orders:read"


def web_of(guard: Guard, seen: list[Any]) -> FastAPI:
    """Return an application whose routes ask for a token, and note what they can see."""
    web = FastAPI()
    anybody, reader = Depends(signed_in(guard)), Depends(signed_in(guard, scopes={"orders:read"}))

    def looked_at_early(request: Request) -> int:
        return len(request.headers)

    token_for = {"scopes": {"orders:read"}}

    @web.get("/orders", dependencies=[Depends(looked_at_early), anybody])
    async def orders(user: Annotated[Identity, reader], request: Request) -> dict[str, str]:
        seen.extend([current_identity(), _giving.get(), dict(request.headers), request.scope])
        return {"authorization": f"Bearer {await user.token_for('orders', **token_for)}"}

    @web.get("/streamed")
    async def streamed(user: Annotated[Identity, anybody]) -> StreamingResponse:
        async def lines() -> Any:
            yield f"Bearer {await user.token_for('orders', **token_for)}"

        return StreamingResponse(lines())

    @web.get("/after")
    async def after() -> dict[str, bool]:
        return {"nobody": current_identity() is None and _giving.get() is None}

    return web


@pytest.mark.parametrize("behind", [True, False], ids=["behind the guard", "without it"])
@proves("sec-no-passthrough", "accepts")
async def test_a_route_gets_a_downstream_token_for_its_caller(
    guard: Guard, issuer: Issuer, mint: TokenMint, behind: bool
) -> None:
    token = mint.mint("alice", scopes={"orders:read"})
    web = web_of(guard, [])
    async with caller_of(guard.protect(web) if behind else web, token) as alice:
        plain = await alice.get("/orders")
        streamed = await alice.get("/streamed")
        after = await alice.get("/after")

    assert (plain.status_code, plain.json()) == (200, {"authorization": TOLD})
    assert streamed.text == TOLD
    assert after.json() == {"nobody": True}
    assert [form["subject_token"] for form in issuer.forms] == [token]


@proves("sec-no-passthrough", "refuses")
async def test_the_inbound_token_is_not_visible_to_the_route(guard: Guard, mint: TokenMint) -> None:
    seen: list[Any] = []
    token = mint.mint("alice", scopes={"orders:read"})
    async with caller_of(web_of(guard, seen), token) as alice:
        assert (await alice.get("/orders")).status_code == 200

    identity, giving, headers, scope = seen
    assert identity.subject == "alice"
    assert "host" in headers
    assert "authorization" not in headers
    assert token not in repr([identity, giving, headers, scope])


async def test_a_refused_caller_gets_no_downstream_token(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    seen: list[Any] = []
    web = web_of(guard, seen)
    async with caller_of(web, mint.mint("bob")) as bob, caller_of(web, None) as nobody:
        narrow = await bob.get("/orders")
        missing = await nobody.get("/orders")

    assert (narrow.status_code, missing.status_code) == (403, 401)
    assert narrow.json()["detail"]["data"]["reason"] == "scope-missing"
    assert (seen, issuer.forms) == ([], [])


async def test_a_second_guard_verifies_the_caller_again(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    other = TokenMint(issuer=issuer.issuer, audience=RESOURCE)
    strange = Guard(
        resource=RESOURCE,
        issuers=[TrustedIssuer(issuer=other.issuer, audience=RESOURCE, keys=LocalKeys(other.jwks))],
        policy=Policy(unknown="base"),
    )
    web = FastAPI()

    @web.get("/both", dependencies=[Depends(signed_in(guard))])
    async def both(user: Annotated[Identity, Depends(signed_in(strange))]) -> str:
        return user.subject

    async with caller_of(web, mint.mint("alice")) as alice:
        answer = await alice.get("/both")

    assert answer.status_code == 401


def endpoint_of(validate_authorization_response: Guard) -> FastAPI:
    """Return an application whose endpoint is a plain route that ``judge`` judges."""
    web = FastAPI()

    @web.post("/mcp")
    async def mcp(
        user: Annotated[Identity, Depends(signed_in(validate_authorization_response))],
    ) -> str:
        return user.subject

    return web


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"downstream": None}, "unknown-issuer"), ({}, "missing-token")],
    ids=["header kept", "header gone"],
)
async def test_a_route_of_one_guard_does_not_trust_the_middleware_of_another(
    issuer: Issuer, mint: TokenMint, options: dict[str, Any], reason: str
) -> None:
    strangers = TokenMint(issuer="https://issuer.example/of-others", audience=RESOURCE)
    door, validate_authorization_response = (
        guard_of(issuer, mint, **options),
        guard_of(issuer, strangers),
    )
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with caller_of(
        door.protect(endpoint_of(validate_authorization_response)), mint.mint("alice")
    ) as alice:
        answer = await alice.post("/mcp", json=ping)

    assert (answer.status_code, answer.json()["detail"]["data"]["reason"]) == (401, reason)


@pytest.mark.parametrize("options", [{"downstream": None}, {}], ids=["header kept", "header gone"])
async def test_a_route_gets_the_caller_from_the_middleware_of_its_own_guard(
    issuer: Issuer, mint: TokenMint, options: dict[str, Any]
) -> None:
    own = guard_of(issuer, mint, **options)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with caller_of(own.protect(endpoint_of(own)), mint.mint("alice")) as alice:
        answer = await alice.post("/mcp", json=ping)

    assert (answer.status_code, answer.json()) == (200, "alice")


async def test_without_downstream_tokens_the_authorization_header_reaches_the_route(
    issuer: Issuer, mint: TokenMint
) -> None:
    plain = guard_of(issuer, mint, downstream=None)
    web = FastAPI()

    @web.get("/mine")
    async def mine(user: Annotated[Identity, Depends(signed_in(plain))], request: Request) -> Any:
        caller = current_identity()
        return [caller and caller.subject, "authorization" in request.headers]

    async with caller_of(web, mint.mint("alice")) as alice:
        answer = await alice.get("/mine")

    assert answer.json() == ["alice", True]
