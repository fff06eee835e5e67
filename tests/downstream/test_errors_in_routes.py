"""Downstream errors in plain routes, as the caller sees them."""

import base64
import json
from typing import Annotated, Any

import httpx2
import pytest
import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from doorward import Guard, Identity
from doorward.downstream import DownstreamProblem
from doorward.integrations.fastapi import CurrentUser, current_user, signed_in
from doorward.testing import TokenMint
from tests.downstream.issuer import Issuer
from tests.downstream.routes import SECRET, caller_of

CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


def web_of(guard: Guard) -> FastAPI:
    """Return an application that catches nothing."""
    web = FastAPI()
    caller = Depends(signed_in(guard))

    async def token(user: Annotated[Identity, caller]) -> str:
        return await user.token_for("orders")

    @web.get("/orders")
    async def orders(user: Annotated[Identity, caller]) -> str:
        return await user.token_for("orders")

    @web.get("/given")
    async def given(token: Annotated[str, Depends(token)]) -> str:
        return token

    @web.get("/bug", dependencies=[caller])
    async def bug() -> str:
        raise ValueError("a bug of the author's")

    @web.post("/mcp")
    async def mcp(user: CurrentUser) -> str:
        return await user.token_for("orders")

    return web


async def ask(web: Any, token: str, path: str = "/orders") -> httpx2.Response:
    """Ask for a path; the endpoint takes messages alone."""
    async with caller_of(web, token) as caller:
        if path != "/mcp":
            return await caller.get(path)
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        accept = {"accept": "application/json, text/event-stream"}
        return await caller.post(path, json=ping, headers=accept)


@pytest.mark.parametrize(
    ("status", "said", "told", "code"),
    [
        (503, {}, 503, "downstream-unavailable"),
        (400, {"error": "consent_required"}, 403, "downstream-sign-in-needed"),
        (400, {"error": "invalid_grant"}, 403, "downstream-grant-refused"),
        (400, {"error": "invalid_scope"}, 403, "downstream-not-granted"),
        (401, {"error": "invalid_client"}, 502, "downstream-server-not-known"),
        (400, {"error": "something_new"}, 502, "downstream-refused"),
        (200, {"access_token": "of-no-type"}, 502, "downstream-answer-refused"),
    ],
)
async def test_every_downstream_error_has_its_own_status_and_code(
    guard: Guard,
    issuer: Issuer,
    mint: TokenMint,
    status: int,
    said: dict[str, str],
    told: int,
    code: str,
) -> None:
    issuer.answer = lambda _: (status, {**said, "error_description": "private to the operator"})
    token = mint.mint("alice")
    with structlog.testing.capture_logs() as logged:
        answer = await ask(web_of(guard), token)

    assert answer.status_code == told
    data = answer.json()["detail"]["data"]
    assert (data["reason"], answer.headers["cache-control"]) == (code, "no-store")
    assert data["correlation_id"] == answer.headers["x-correlation-id"]
    # A client whose token is good is not sent to sign in for nothing.
    assert "www-authenticate" not in answer.headers
    (line,) = [one for one in logged if one["event"] == "route-without-token"]
    assert (line["name"], line["correlation_id"]) == ("GET /orders", data["correlation_id"])
    shown = answer.text + str(answer.headers)
    private = ["private to the operator", "endpoint", "orders", "mcp-server", issuer.base, SECRET]
    private += [token, *said.values()]
    assert not [word for word in private if word in shown]
    assert not [word for word in (SECRET, token) if word in repr(line)]


async def test_an_unavailable_issuer_is_a_503_with_retry_after(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    issuer.answer, issuer.headers = lambda _: (429, {}), {"retry-after": "30"}

    answer = await ask(web_of(guard), mint.mint("alice"))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_a_claims_challenge_reaches_the_client(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    issuer.answer = lambda _: (400, {"error": "interaction_required", "claims": CLAIMS})

    answer = await ask(web_of(guard), mint.mint("alice"))

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_claims", claims="')
    assert json.loads(base64.b64decode(challenge.split('"')[3])) == json.loads(CLAIMS)


@pytest.mark.parametrize("path", ["/orders", "/given", "/mcp"])
@pytest.mark.parametrize("middleware", [True, False], ids=["as middleware", "round it"])
async def test_a_downstream_error_reaches_the_caller_of_every_route(
    guard: Guard, issuer: Issuer, mint: TokenMint, path: str, middleware: bool
) -> None:
    issuer.answer = lambda _: (503, {})
    web: Any = web_of(guard)
    if middleware:
        web.add_middleware(guard.protect)
    else:
        web = guard.protect(web)

    answer = await ask(web, mint.mint("alice"), path)

    assert answer.json()["detail"]["data"]["reason"] == "downstream-unavailable"


async def test_an_exception_handler_of_the_application_takes_precedence(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    issuer.answer = lambda _: (400, {"error": "consent_required"})
    web = web_of(guard)

    @web.exception_handler(DownstreamProblem)
    async def agree(_request: Request, problem: DownstreamProblem) -> JSONResponse:
        return JSONResponse({"agree": problem.target}, 409)

    for path in ("/orders", "/given"):
        answer = await ask(web, mint.mint("alice"), path)
        assert (answer.status_code, answer.json()) == (409, {"agree": "orders"})


async def test_another_exception_is_not_handled(guard: Guard, mint: TokenMint) -> None:
    with pytest.raises(ValueError, match="a bug of the author's"):
        await ask(web_of(guard), mint.mint("alice"), "/bug")


async def test_a_dependency_override_sets_the_caller_of_a_route(guard: Guard) -> None:
    web = FastAPI()

    @web.get("/mine")
    async def mine(user: CurrentUser) -> str:
        return user.subject

    alice = Identity(
        issuer="https://i.example",
        subject="alice",
        client_id=None,
        scopes=frozenset(),
        roles=frozenset(),
        expires_at=2e9,
    )
    web.dependency_overrides[current_user] = lambda: alice

    assert (await ask(web, "none", "/mine")).json() == "alice"
