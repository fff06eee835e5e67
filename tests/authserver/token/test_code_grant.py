"""An authorization code is redeemed once, in time, by its client."""

from typing import Any

import pytest

from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.resource import Resource
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import (
    CALLBACK,
    PASSWORD,
    RESOURCE,
    SCOPES,
    AuthServerHarness,
    basic,
    claims_of,
)
from tests.ledger import proves

RS_SECRET = "2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa"


RESOURCE_SERVER = ConfiguredClient(
    client_id="rs", secret=RS_SECRET, auth_method="client_secret_basic", introspects=RESOURCE
)


async def is_active(harness: AuthServerHarness, token: str) -> bool:
    response = await harness.http.post(
        "/introspect", data={"token": token}, headers=basic("rs", RS_SECRET)
    )
    assert response.status_code == 200, response.text
    return bool(response.json()["active"])


WRONG: dict[str, dict[str, Any]] = {
    "verifier": {"code_verifier": "b" * 43},
    "verifier-is-the-challenge": {"code_verifier": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
    "redirect-uri": {"redirect_uri": "http://127.0.0.1:41001/callback"},
    "redirect-uri-slash": {"redirect_uri": CALLBACK + "/"},
    "code": {"code": "x" * 43},
}


@proves("S83", "accepts", "a replayed code revokes")
@proves("S88", "accepts", "what a code is bound to")
@proves("S101", "accepts", "token errors are clean")
async def test_a_code_is_redeemed_for_an_access_token(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()

    tokens = await harness.tokens(client["client_id"])

    assert tokens.body["token_type"] == "Bearer"
    assert tokens.body["expires_in"] == 600
    assert tokens.response.headers["cache-control"] == "no-store"
    claims = claims_of(tokens.access)
    assert claims["iss"] == harness.issuer
    assert claims["aud"] == RESOURCE
    assert claims["client_id"] == client["client_id"]
    assert claims["scope"] == "mcp:read mcp:tools"
    assert claims["roles"] == ["user"]
    assert claims["exp"] - claims["iat"] == 600
    assert claims["sub"]
    assert claims["jti"]


@proves("S83", "refuses", "a replayed code revokes")
async def test_a_reused_code_revokes_all_of_its_tokens(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(clients=(RESOURCE_SERVER,))
    client = await harness.register()
    code = await harness.code(client["client_id"])
    fields = harness.code_fields(client["client_id"], code)
    first = await harness.token(fields)
    refreshed = await harness.refresh(client["client_id"], first.refresh)
    assert await is_active(harness, first.access)

    second = await harness.token(fields)

    assert second.body["error"] == "invalid_grant"
    assert not await is_active(harness, first.access)
    assert not await is_active(harness, refreshed.access)
    again = await harness.refresh(client["client_id"], refreshed.refresh)
    assert again.body["error"] == "invalid_grant"
    assert "code.reused" in harness.kinds()


@proves("S83", "refuses", "a replayed code revokes")
async def test_a_used_code_sent_by_another_client_revokes_nothing(
    harness: AuthServerHarness,
) -> None:
    client, other = await harness.register(), await harness.register()
    code = await harness.code(client["client_id"])
    first = await harness.token(harness.code_fields(client["client_id"], code))

    second = await harness.token(harness.code_fields(other["client_id"], code))

    assert second.body["error"] == "invalid_grant"
    assert (await harness.refresh(client["client_id"], first.refresh)).response.status_code == 200


@proves("S85", "refuses", "a wrong try leaves the code")
@proves("S88", "refuses", "what a code is bound to")
@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_a_code_is_refused_if_any_parameter_differs(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(harness.code_fields(client["client_id"], code, **changes))

    assert tokens.response.status_code == 400
    assert tokens.body["error"] == "invalid_grant"


@proves("S85", "accepts", "a wrong try leaves the code")
async def test_attempts_of_another_client_do_not_use_up_a_code(
    harness: AuthServerHarness,
) -> None:
    client, other = await harness.register(), await harness.register()
    code = await harness.code(client["client_id"])
    mine, foreign = client["client_id"], other["client_id"]

    for _ in range(20):
        assert not (await harness.token(harness.code_fields(foreign, code))).response.is_success
    for _ in range(4):
        wrong = await harness.token(harness.code_fields(mine, code, code_verifier="c" * 43))
        assert wrong.body["error"] == "invalid_grant"

    assert (await harness.token(harness.code_fields(mine, code))).response.status_code == 200


@proves("S85", "refuses", "a wrong try leaves the code")
async def test_guessing_the_verifier_ends_after_five_attempts(harness: AuthServerHarness) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])
    for _ in range(5):
        await harness.token(harness.code_fields(client["client_id"], code, code_verifier="c" * 43))

    tokens = await harness.token(harness.code_fields(client["client_id"], code))

    assert tokens.body["error"] == "invalid_grant"


@proves("S85", "refuses", "a wrong try leaves the code")
async def test_failures_of_one_address_are_limited(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    browser = harness.browser("203.0.113.9")
    fields = harness.code_fields("dw-nobody", "x")
    for _ in range(120):
        assert (await browser.http.post("/token", data=fields)).status_code == 401

    assert (await browser.http.post("/token", data=fields)).status_code == 429
    clock.advance(61)
    assert (await browser.http.post("/token", data=fields)).status_code == 401


@proves("S88", "refuses", "what a code is bound to")
async def test_a_code_of_another_client_is_refused(harness: AuthServerHarness) -> None:
    client, other = await harness.register(), await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(harness.code_fields(other["client_id"], code))

    assert tokens.body["error"] == "invalid_grant"


@proves("S88", "refuses", "what a code is bound to")
@proves("S105", "refuses", "clock boundaries")
async def test_a_code_expires_after_sixty_seconds(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])
    fields = harness.code_fields(client["client_id"], code)
    clock.advance(60)
    assert (await harness.token(fields)).body["error"] == "invalid_grant"

    # What was seen to be over stays over, whatever the clock says next.
    clock.advance(-30)
    assert (await harness.token(fields)).body["error"] == "invalid_grant"


@proves("S105", "accepts", "clock boundaries")
async def test_a_code_is_valid_until_its_last_second(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])
    clock.advance(59)

    fields = harness.code_fields(client["client_id"], code)

    assert (await harness.token(fields)).response.status_code == 200


@proves("S105", "refuses", "clock boundaries")
async def test_a_used_code_stays_used_when_the_clock_is_set_back(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])
    fields = harness.code_fields(client["client_id"], code)
    await harness.token(fields)
    clock.advance(-3600)

    assert (await harness.token(fields)).body["error"] == "invalid_grant"


@proves("S86", "refuses", "verifier belongs to challenge")
@pytest.mark.parametrize("verifier", [None, ""])
async def test_a_code_without_its_verifier_is_refused(
    harness: AuthServerHarness, verifier: str | None
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(
        harness.code_fields(client["client_id"], code, code_verifier=verifier)
    )

    assert tokens.response.status_code == 400
    assert tokens.body["error"] == "invalid_request"
    # And it was not spent by that.
    fields = harness.code_fields(client["client_id"], code)
    assert (await harness.token(fields)).response.status_code == 200


@proves("S86", "refuses", "verifier belongs to challenge")
async def test_no_code_is_issued_without_a_challenge(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()

    response = await harness.browser().go_through(
        harness.authorize_url(client["client_id"], without="code_challenge code_challenge_method"),
        "alice",
        PASSWORD,
    )

    assert "code" not in answer_in(response.headers["location"])


@proves("S86", "accepts", "verifier belongs to challenge")
async def test_a_code_with_its_verifier_is_accepted(harness: AuthServerHarness) -> None:
    client = await harness.register()

    assert (await harness.tokens(client["client_id"])).access


@proves("S87", "refuses", "verifier syntax")
@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "ü" * 43, "a b" * 15])
async def test_a_malformed_verifier_is_refused(harness: AuthServerHarness, verifier: str) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(
        harness.code_fields(client["client_id"], code, code_verifier=verifier)
    )

    assert tokens.body["error"] == "invalid_grant"


@proves("S93", "refuses", "resource may only narrow")
@pytest.mark.parametrize(
    "resource",
    [
        "http://localhost:9000/other",
        "https://elsewhere.example/mcp",
        RESOURCE + "#x",
        "/mcp",
        [RESOURCE, "http://localhost:9000/other"],
    ],
)
async def test_a_token_request_cannot_name_another_resource(
    start_authserver: StartAuthServer, resource: Any
) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    harness = await start_authserver(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(harness.code_fields(client["client_id"], code, resource=resource))

    assert tokens.response.status_code == 400
    assert tokens.body["error"] in ("invalid_target", "invalid_grant")


@proves("S93", "accepts", "resource may only narrow")
async def test_a_token_request_need_not_repeat_the_resource(harness: AuthServerHarness) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(harness.code_fields(client["client_id"], code, resource=None))

    assert claims_of(tokens.access)["aud"] == RESOURCE


@proves("S94", "accepts", "audience is the resource")
@proves("S94", "refuses", "audience is the resource")
async def test_a_token_is_for_exactly_the_resource_that_was_asked_for(
    start_authserver: StartAuthServer,
) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    harness = await start_authserver(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    client = await harness.register()

    first = await harness.tokens(client["client_id"])
    code = await harness.code(client["client_id"], resource=other.uri)
    second = await harness.token(harness.code_fields(client["client_id"], code, resource=other.uri))

    assert claims_of(first.access)["aud"] == RESOURCE
    assert claims_of(second.access)["aud"] == other.uri


async def test_with_several_resources_a_client_must_name_one(
    start_authserver: StartAuthServer,
) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    harness = await start_authserver(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    client = await harness.register()

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], without="resource")
    )

    assert answer_in(response.headers["location"])["error"] == "invalid_target"
