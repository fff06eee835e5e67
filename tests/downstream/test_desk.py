"""Tokens for the next server: asked for once, kept for one caller, and never the one that came in."""

import asyncio
import base64
import json
import threading
from typing import Any

import pytest

from doorward.downstream import (
    AnswerRefused,
    Arrangement,
    ClientCredentials,
    DownstreamDesk,
    DownstreamProblem,
    DownstreamRefused,
    DownstreamUnavailable,
    GrantRefused,
    NobodyToActFor,
    NotGranted,
    SameToken,
    ServerNotKnown,
    SignInNeeded,
    TokenExchange,
    TokenForUs,
)
from doorward.errors import ConfigurationError
from doorward.testing import TokenMint
from tests.downstream.conftest import OURS, Clock, caller
from tests.downstream.issuer import Issuer, granting
from tests.ledger import proves

INBOUND = "the-token-that-came-in"
SECRET = "a secret/with+signs of its own, long enough"


def exchange(issuer: Issuer, /, **told: Any) -> TokenExchange:
    """Return an arrangement with this issuer."""
    usual: dict[str, Any] = {
        "issuer": issuer.issuer,
        "client_id": "mcp-server",
        "client_secret": SECRET,
        "audience": "orders",
    }
    return TokenExchange(**{**usual, **told})


def desk_of(issuer: Issuer, clock: Clock, **told: Any) -> DownstreamDesk:
    """Return a desk with one arrangement, ``orders``."""
    arrangement: Arrangement = told.pop("arrangement", None) or exchange(issuer)
    return DownstreamDesk({"orders": arrangement}, own_audiences={OURS}, clock=clock, **told)


async def get(
    desk: DownstreamDesk, at: Issuer, /, *scopes: str, inbound: str = INBOUND, **who: Any
) -> Any:
    """Ask the desk for a token for ``orders``."""
    return await desk.token_for(caller(at, **who), inbound, "orders", frozenset(scopes))


async def test_the_callers_token_is_exchanged_for_another(issuer: Issuer, clock: Clock) -> None:
    token = await get(desk_of(issuer, clock), issuer, "orders:read")

    assert token == "token-orders-orders:read"
    assert (token.scopes, token.expires_at) == ({"orders:read"}, clock.now + 300)
    assert issuer.forms == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": INBOUND,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "orders",
            "scope": "orders:read",
        }
    ]


async def test_the_secret_travels_form_encoded_in_basic(issuer: Issuer, clock: Clock) -> None:
    await get(desk_of(issuer, clock), issuer)

    (header,) = issuer.authorizations
    assert header is not None
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    assert pair == "mcp-server:a+secret%2Fwith%2Bsigns+of+its+own%2C+long+enough"


async def test_the_secret_travels_in_the_body_where_that_was_arranged(
    issuer: Issuer, clock: Clock
) -> None:
    arrangement = exchange(issuer, method="client_secret_post")
    await get(desk_of(issuer, clock, arrangement=arrangement), issuer)

    assert issuer.authorizations == [None]
    assert (issuer.forms[0]["client_id"], issuer.forms[0]["client_secret"]) == (
        "mcp-server",
        SECRET,
    )


async def test_a_key_signs_who_asks(issuer: Issuer, clock: Clock) -> None:
    import jwt

    from doorward.client import PrivateKey

    key = PrivateKey.generate()
    arrangement = exchange(issuer, client_secret=None, private_key=key)
    await get(desk_of(issuer, clock, arrangement=arrangement), issuer)

    (form,) = issuer.forms
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    claims = jwt.decode(
        form["client_assertion"],
        jwt.PyJWK({**key.public_jwk, "alg": "ES256"}),
        algorithms=["ES256"],
        audience=issuer.issuer,
        options={"verify_iat": False, "verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("mcp-server", "mcp-server")
    assert claims["exp"] - claims["iat"] == 60


async def test_the_endpoint_is_found_once(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock)
    await get(desk, issuer, "a")
    await get(desk, issuer, "b")

    assert issuer.metadata_fetches == 1


async def test_metadata_that_speaks_for_another_issuer_leads_nowhere(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.metadata = {"issuer": "https://other.example"}

    with pytest.raises(DownstreamUnavailable):
        await get(desk_of(issuer, clock), issuer)

    assert issuer.forms == []


async def test_a_token_is_kept_for_its_caller(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock)
    first = await get(desk, issuer)
    clock.now += 200
    second = await get(desk, issuer, inbound="a later token of the same caller")

    assert first is second
    assert len(issuer.forms) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"subject": "bob"}, id="another-user"),
        pytest.param({"client_id": "other"}, id="another-client"),
        pytest.param({"scopes": frozenset({"mcp:read"})}, id="less-granted"),
        pytest.param({"roles": frozenset({"admin"})}, id="another-role"),
        pytest.param({"claims_kept": b'{"act":{"sub":"agent"}}'}, id="an-agent-in-the-users-name"),
        pytest.param({"claims_kept": b'{"org_id":"org_b"}'}, id="in-another-organization"),
        pytest.param({"claims_kept": b'{"acr":"1"}'}, id="signed-in-with-less"),
    ],
)
async def test_a_token_is_kept_for_nobody_else(
    issuer: Issuer, clock: Clock, other: dict[str, Any]
) -> None:
    desk = desk_of(issuer, clock)
    await get(desk, issuer)
    await get(desk, issuer, **other)

    assert len(issuer.forms) == 2


async def test_a_fresh_token_that_says_the_same_shares_what_is_kept(
    issuer: Issuer, clock: Clock
) -> None:
    desk = desk_of(issuer, clock)
    said = '{"org_id":"a","iat":%d,"nbf":%d,"exp":%d,"jti":"%d"}'
    for number in (1, 2):
        claims = (said % (number, number, number, number)).encode()
        await get(desk, issuer, inbound=f"token {number}", claims_kept=claims)

    assert len(issuer.forms) == 1


async def test_a_token_that_was_withdrawn_takes_nothing_from_a_good_one_of_the_same_caller(
    issuer: Issuer, clock: Clock
) -> None:
    def answer(form: dict[str, str]) -> tuple[int, Any]:
        if form["subject_token"] == "withdrawn":
            return 400, {"error": "invalid_grant"}
        return granting(form)

    issuer.gate, issuer.answer = threading.Event(), answer
    desk = desk_of(issuer, clock)
    bad = asyncio.create_task(get(desk, issuer, inbound="withdrawn"))
    good = asyncio.create_task(get(desk, issuer, inbound="good"))
    while not issuer.forms:
        await asyncio.sleep(0)
    issuer.gate.set()

    with pytest.raises(GrantRefused):
        await bad
    assert await good == "token-orders-"


async def test_other_scopes_are_another_token(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock)

    assert await get(desk, issuer, "a") != await get(desk, issuer, "b")
    assert await get(desk, issuer, "b", "a") == "token-orders-a+b"


async def test_the_usual_scopes_are_asked_for_when_a_tool_names_none(
    issuer: Issuer, clock: Clock
) -> None:
    desk = desk_of(issuer, clock, arrangement=exchange(issuer, scopes={"usual"}))
    await get(desk, issuer)
    await get(desk, issuer, "special")

    assert [form["scope"] for form in issuer.forms] == ["usual", "special"]


async def test_a_token_is_got_again_before_it_is_over(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock)
    await get(desk, issuer)
    clock.now += 269
    await get(desk, issuer)
    clock.now += 2
    await get(desk, issuer)

    assert len(issuer.forms) == 2


@pytest.mark.parametrize("life", [None, "soon", 0, -5, True])
async def test_a_token_of_unknown_life_is_used_once(
    issuer: Issuer, clock: Clock, life: object
) -> None:
    issuer.answer = lambda form: (200, {**granting(form)[1], "expires_in": life})
    desk = desk_of(issuer, clock)
    await get(desk, issuer)
    await get(desk, issuer)

    assert len(issuer.forms) == 2


async def test_no_token_is_kept_longer_than_the_setting_says(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock, longest_kept=60)
    await get(desk, issuer)
    clock.now += 61
    await get(desk, issuer)

    assert len(issuer.forms) == 2


async def test_of_too_many_tokens_the_least_used_goes(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock, entries=2)
    for subject in ("a", "b", "c", "a"):
        await get(desk, issuer, subject=subject)

    assert len(issuer.forms) == 4


async def test_a_hundred_calls_at_once_ask_once(issuer: Issuer, clock: Clock) -> None:
    issuer.gate = threading.Event()
    desk = desk_of(issuer, clock)
    asking = asyncio.gather(*(get(desk, issuer) for _ in range(100)))
    while not issuer.forms:
        await asyncio.sleep(0)
    issuer.gate.set()

    assert len(set(await asking)) == 1
    assert len(issuer.forms) == 1


async def test_whoever_hangs_up_takes_nothing_from_the_others(issuer: Issuer, clock: Clock) -> None:
    issuer.gate = threading.Event()
    desk = desk_of(issuer, clock)
    first = asyncio.create_task(get(desk, issuer))
    second = asyncio.create_task(get(desk, issuer))
    while not issuer.forms:
        await asyncio.sleep(0)
    first.cancel()
    issuer.gate.set()

    assert await second == "token-orders-"
    assert len(issuer.forms) == 1


async def test_a_refusal_is_not_kept(issuer: Issuer, clock: Clock) -> None:
    desk = desk_of(issuer, clock)
    issuer.answer = lambda _: (400, {"error": "consent_required"})
    with pytest.raises(SignInNeeded):
        await get(desk, issuer)
    issuer.answer = granting

    assert await get(desk, issuer) == "token-orders-"


@proves("sec-no-passthrough", "refuses")
async def test_the_token_that_came_in_is_never_handed_out(issuer: Issuer, clock: Clock) -> None:
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": INBOUND})

    with pytest.raises(SameToken) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert INBOUND not in repr(refusal.value) + str(refusal.value)


@pytest.mark.parametrize("audience", [OURS, ["orders", OURS]])
async def test_a_token_that_opens_this_server_is_never_handed_out(
    issuer: Issuer, clock: Clock, audience: Any
) -> None:
    token = TokenMint().mint(audience=audience)
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": token})

    with pytest.raises(TokenForUs) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert token not in str(refusal.value)


async def test_a_token_for_the_next_server_alone_is(issuer: Issuer, clock: Clock) -> None:
    token = TokenMint().mint(audience=["orders", OURS + "-admin"])
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": token})

    assert await get(desk_of(issuer, clock), issuer) == token


async def test_a_token_is_shown_to_its_own_issuer_alone(issuer: Issuer, clock: Clock) -> None:
    with pytest.raises(NobodyToActFor):
        await get(desk_of(issuer, clock), issuer, issuer="https://other.example")

    assert issuer.forms == []


async def test_an_issuer_that_exchanges_anothers_tokens_is_shown_them_when_that_is_said(
    issuer: Issuer, clock: Clock
) -> None:
    arrangement = exchange(issuer, trusted_issuers={"https://other.example"})
    desk = desk_of(issuer, clock, arrangement=arrangement)

    assert await get(desk, issuer, issuer="https://other.example")


async def test_an_api_key_is_shown_to_nobody(issuer: Issuer, clock: Clock) -> None:
    with pytest.raises(NobodyToActFor):
        await get(desk_of(issuer, clock), issuer, kind="key")

    assert issuer.forms == []


async def test_in_its_own_name_this_server_asks_once_for_everybody(
    issuer: Issuer, clock: Clock
) -> None:
    arrangement = ClientCredentials(
        issuer=issuer.issuer,
        client_id="mcp-server",
        client_secret=SECRET,
        resource="https://o.example",
    )
    desk = desk_of(issuer, clock, arrangement=arrangement)
    await get(desk, issuer, subject="alice")
    await get(desk, issuer, subject="bob", kind="key")

    assert issuer.forms == [{"grant_type": "client_credentials", "resource": "https://o.example"}]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, GrantRefused),
        (401, {"error": "invalid_client"}, ServerNotKnown),
        (401, {"error": "unauthorized_client"}, ServerNotKnown),
        (400, {"error": "invalid_client"}, ServerNotKnown),
        (400, {"error": "invalid_scope"}, NotGranted),
        (400, {"error": "invalid_target"}, NotGranted),
        (403, {"error": "access_denied"}, NotGranted),
        (400, {"error": "unauthorized_client"}, NotGranted),
        (400, {"error": "unsupported_grant_type"}, NotGranted),
        (400, {"error": "interaction_required"}, SignInNeeded),
        (400, {"error": "login_required"}, SignInNeeded),
        (400, {"error": "invalid_grant", "suberror": "consent_required"}, SignInNeeded),
        (400, {"error": "something_new"}, DownstreamRefused),
        (400, {"error": ["not", "a", "word"]}, DownstreamRefused),
        (400, {}, DownstreamRefused),
        (302, {}, DownstreamRefused),
        (400, b"<html>", AnswerRefused),
        (200, b"<html>", AnswerRefused),
        (200, {"token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "a\r\nX-Header: b", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "x"}, AnswerRefused),
        (200, {"access_token": "x", "token_type": "DPoP"}, AnswerRefused),
        (
            200,
            {
                "access_token": "x",
                "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
            },
            AnswerRefused,
        ),
    ],
)
async def test_every_no_has_its_own_name(
    issuer: Issuer, clock: Clock, status: int, body: Any, kind: type[DownstreamProblem]
) -> None:
    issuer.answer = lambda _: (status, body)

    with pytest.raises(DownstreamProblem) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert type(refusal.value) is kind
    assert INBOUND not in str(refusal.value)
    assert SECRET not in str(refusal.value)


async def test_what_an_issuer_writes_beside_its_error_is_repeated_nowhere(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.answer = lambda form: (
        400,
        {"error": "invalid_grant", "error_description": f"bad {form['subject_token']}"},
    )

    with pytest.raises(GrantRefused) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert INBOUND not in str(refusal.value) + refusal.value.detail + refusal.value.public


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_an_issuer_that_is_down_is_nobodys_fault(
    issuer: Issuer, clock: Clock, status: int
) -> None:
    issuer.answer = lambda _: (status, {"error": "invalid_grant"})
    issuer.headers = {"retry-after": "17"}

    with pytest.raises(DownstreamUnavailable) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert (refusal.value.status, refusal.value.retry_after) == (503, 17)


async def test_an_issuer_that_nobody_reaches_is_nobodys_fault(issuer: Issuer, clock: Clock) -> None:
    arrangement = exchange(issuer, token_endpoint="http://localhost:1/token")

    with pytest.raises(DownstreamUnavailable):
        await get(desk_of(issuer, clock, arrangement=arrangement), issuer)


async def test_a_claims_challenge_is_handed_on_as_a_header(issuer: Issuer, clock: Clock) -> None:
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    issuer.answer = lambda _: (400, {"error": "interaction_required", "claims": claims})

    with pytest.raises(SignInNeeded) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert refusal.value.claims == claims
    challenge = refusal.value.challenge
    assert challenge is not None
    encoded = challenge.partition('claims="')[2].rstrip('"')
    assert json.loads(base64.b64decode(encoded)) == json.loads(claims)


@pytest.mark.parametrize("claims", ["not json", "[1]", "", '{"a":"' + "x" * 5000 + '"}', 7])
async def test_what_is_no_claims_challenge_is_not_handed_on(
    issuer: Issuer, clock: Clock, claims: object
) -> None:
    issuer.answer = lambda _: (400, {"error": "interaction_required", "claims": claims})

    with pytest.raises(SignInNeeded) as refusal:
        await get(desk_of(issuer, clock), issuer)

    assert (refusal.value.claims, refusal.value.challenge) == (None, None)


async def test_a_token_shows_in_texts_and_not_in_representations(
    issuer: Issuer, clock: Clock
) -> None:
    token = await get(desk_of(issuer, clock), issuer)

    assert f"Bearer {token}" == "Bearer token-orders-"
    assert "token-orders" not in repr(token) + repr([token]) + f"{token!r}"
    assert json.dumps({"t": token}) == '{"t": "token-orders-"}'


async def test_a_name_that_nothing_was_arranged_for_is_the_operators_to_mend(
    issuer: Issuer, clock: Clock
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await desk_of(issuer, clock).token_for(caller(issuer), INBOUND, "mail", frozenset())

    assert refusal.value.reason == "unknown-downstream"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"audience": None}, "no-target"),
        ({"issuer": None}, "no-token-endpoint"),
        ({"issuer": None, "token_endpoint": "https://i.example/token"}, "no-subject-issuer"),
        ({"token_endpoint": "http://i.example/token"}, "insecure-token-endpoint"),
        ({"issuer": "http://i.example"}, "insecure-issuer"),
        ({"client_secret": None}, "no-lookup-credentials"),
        ({"client_id": ""}, "no-lookup-credentials"),
        ({"scopes": {"two words"}}, "not-a-scope"),
    ],
)
def test_half_an_arrangement_is_refused(issuer: Issuer, told: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        exchange(issuer, **told)

    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"entries": 0}, "not-a-limit"),
        ({"longest_kept": -1}, "not-a-limit"),
        ({"longest_kept": float("nan")}, "not-a-limit"),
        ({"arrangement": "https://orders.example"}, "not-an-arrangement"),
    ],
)
def test_a_desk_without_sense_is_refused(
    issuer: Issuer, clock: Clock, told: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        desk_of(issuer, clock, **told)

    assert refusal.value.reason == reason


def test_no_secret_is_in_a_representation(issuer: Issuer) -> None:
    assert SECRET not in repr(exchange(issuer))
