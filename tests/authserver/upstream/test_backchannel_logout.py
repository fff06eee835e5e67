"""A logout at the provider ends what hangs on that session here, and nothing else."""

from typing import Any

import httpx2
import pytest
from joserfc import jwt

from tests.authserver.browser import answer_in, form_with
from tests.authserver.harness import Tokens
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import CLIENT_ID, foreign_key, signing_key
from tests.ledger import proves

EVENT = "http://schemas.openid.net/event/backchannel-logout"
JANE = "248289761001"


def logout_token(bridge: Bridge, *, key: Any = None, typ: str | None = None, **changes: Any) -> str:
    now = int(bridge.provider.clock())
    claims: dict[str, Any] = {
        "iss": bridge.provider.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": "logout-1",
        "sub": JANE,
        "events": {EVENT: {}},
        **changes,
    }
    header = {"alg": "RS256", "kid": "1"} | ({} if typ is None else {"typ": typ})
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(header, kept, key or signing_key())


async def send(bridge: Bridge, token: str, name: str = "sso") -> httpx2.Response:
    url = bridge.harness.url(f"/backchannel-logout/{name}")
    return await bridge.harness.http.post(url, data={"logout_token": token})


async def sign_in(bridge: Bridge, subject: str = JANE, **claims: Any) -> tuple[str, Tokens]:
    harness = bridge.harness
    bridge.provider.user = {"sub": subject, "name": "Jane Doe", **claims}
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    return client, await harness.token(harness.code_fields(client, code))


async def is_alive(bridge: Bridge, signed_in: tuple[str, Tokens]) -> bool:
    client, tokens = signed_in
    answer = await bridge.harness.refresh(client, tokens.refresh)
    return answer.response.status_code == 200


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt"])
@proves("S207", "accepts", "logout tokens")
async def test_a_logout_token_ends_the_user_and_nobody_else(
    bridge: Bridge, typ: str | None
) -> None:
    jane, john = await sign_in(bridge), await sign_in(bridge, "another-subject")

    answer = await send(bridge, logout_token(bridge, typ=typ))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert not await is_alive(bridge, jane)
    assert await is_alive(bridge, john)
    # Guards refuse the access token as well.
    assert len(await bridge.harness.server.revoked()) == 1


@proves("S207", "accepts", "logout tokens")
async def test_a_sid_ends_one_session_of_a_user(bridge: Bridge) -> None:
    desk, phone = await sign_in(bridge, sid="desk"), await sign_in(bridge, sid="phone")

    answer = await send(bridge, logout_token(bridge, sid="desk"))

    assert answer.status_code == 200
    assert not await is_alive(bridge, desk)
    assert await is_alive(bridge, phone)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"aud": None},
        {"events": None},
        {"events": {}},
        {"events": {EVENT: True}},
        {"events": EVENT},
        {"nonce": "a"},
        {"jti": None},
        {"jti": 1},
        {"sub": None},
        {"sub": ["248289761001"]},
        {"sid": True},
        {"iat": None},
        {"iat": 1_800_000_000 - 601},
        {"iat": 1_800_000_000 + 61},
        {"exp": 1_800_000_000 - 61},
        {"typ": "at+jwt"},
        {"key": foreign_key()},
    ],
)
@proves("S207", "refuses", "logout tokens")
async def test_a_token_that_is_no_logout_token_of_this_provider_ends_nothing(
    bridge: Bridge, changes: dict[str, Any]
) -> None:
    jane = await sign_in(bridge)

    answer = await send(bridge, logout_token(bridge, **changes))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert await is_alive(bridge, jane)


@proves("S207", "refuses", "logout tokens")
async def test_a_logout_token_counts_once(bridge: Bridge) -> None:
    token = logout_token(bridge)
    await send(bridge, token)
    jane = await sign_in(bridge)

    again = await send(bridge, token)

    assert again.status_code == 400
    assert await is_alive(bridge, jane)


@proves("S207", "refuses", "logout tokens")
async def test_a_provider_ends_no_session_of_another_one(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(
        identity_provider(), identity_provider(name="other", issuer="https://other.example")
    )
    harness = bridge.harness
    browser = harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    back = await browser.open(bridge.provider.callback(redirect.headers["location"]))
    code = answer_in(back.headers["location"])["code"]
    jane = client, await harness.token(harness.code_fields(client, code))

    answer = await send(bridge, logout_token(bridge), "other")

    assert answer.status_code in (400, 503)
    assert await is_alive(bridge, jane)


async def test_an_id_token_is_no_logout_token(bridge: Bridge) -> None:
    jane = await sign_in(bridge)

    answer = await send(bridge, bridge.provider._id_token("a-nonce"))

    assert answer.status_code == 400
    assert await is_alive(bridge, jane)
