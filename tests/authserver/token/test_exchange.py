"""Token exchange: never a wider scope, a longer lifetime or another client."""

from typing import Any

import pytest

from doorward.authserver import AuthServerSettings, ConfiguredClient, ExchangePolicy, Resource
from doorward.errors import ConfigurationError
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import (
    ISSUER,
    RESOURCE,
    SCOPES,
    AuthServerHarness,
    Tokens,
    basic,
    claims_of,
)
from tests.ledger import proves

ORDERS, BILLING = "https://orders.example/api", "https://billing.example/api"
ORDER_SCOPES = {"orders:read": "See orders", "orders:write": "Place orders", "orders:all": "All"}
BILLING_SCOPES = {"billing:read": "See invoices"}
SECRET, ORDERS_SECRET = "mcp-server-" + "s" * 40, "orders-api-" + "s" * 40
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TO_ORDERS = ExchangePolicy(
    client_id="mcp-server",
    resource=RESOURCE,
    target=ORDERS,
    scopes={
        "mcp:read": frozenset({"orders:read"}),
        "mcp:tools": frozenset({"orders:read", "orders:write", "orders:all"}),
    },
)
TO_BILLING = ExchangePolicy(
    client_id="orders-api",
    resource=ORDERS,
    target=BILLING,
    scopes={"orders:read": frozenset({"billing:read"})},
)
CONFIGURED: dict[str, Any] = {
    "resources": (
        Resource(uri=RESOURCE, scopes=SCOPES),
        Resource(uri=ORDERS, scopes=ORDER_SCOPES),
        Resource(uri=BILLING, scopes=BILLING_SCOPES),
    ),
    "clients": (
        ConfiguredClient(client_id="mcp-server", secret=SECRET, auth_method="client_secret_basic"),
        ConfiguredClient(
            client_id="orders-api",
            secret=ORDERS_SECRET,
            auth_method="client_secret_basic",
            introspects=ORDERS,
        ),
        ConfiguredClient(
            client_id="stranger", secret="stranger-" + "s" * 40, auth_method="client_secret_post"
        ),
        ConfiguredClient(client_id="public"),
    ),
    "exchanges": (TO_ORDERS, TO_BILLING),
}


@pytest.fixture
async def harness(start_authserver: StartAuthServer) -> AuthServerHarness:
    """A server at which mcp-server may act at orders, and orders-api at billing."""
    opened: AuthServerHarness = await start_authserver(**CONFIGURED)
    # What alice may have anywhere; "orders:all" is not hers.
    await opened.add_user(
        "alice", scopes=("mcp:read", "mcp:tools", "orders:read", "orders:write", "billing:read")
    )
    return opened


async def exchange(
    harness: AuthServerHarness, token: str, headers: dict[str, str] | None = None, **changes: Any
) -> Tokens:
    """Exchange ``token`` as mcp-server, for orders."""
    fields = {
        "grant_type": GRANT,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "resource": ORDERS,
        **changes,
    }
    sent = {name: value for name, value in fields.items() if value is not None}
    return await harness.token(sent, headers=headers or basic("mcp-server", SECRET))


async def signed_in(harness: AuthServerHarness, scope: str = "mcp:read mcp:tools") -> str:
    """Return alice's token for the MCP server."""
    client = (await harness.register())["client_id"]
    return (await harness.tokens(client, scope=scope)).access


@proves("S110", "accepts", "token exchange never widens")
async def test_a_callers_token_is_exchanged_for_the_next_server(harness: AuthServerHarness) -> None:
    token = await signed_in(harness)

    got = await exchange(harness, token, scope="orders:read")

    assert got.response.status_code == 200, got.response.text
    assert got.body["issued_token_type"] == ACCESS_TOKEN
    assert (got.body["token_type"], got.body["scope"]) == ("Bearer", "orders:read")
    assert "refresh_token" not in got.body
    before, after = claims_of(token), claims_of(got.access)
    assert (after["aud"], after["sub"], after["client_id"]) == (ORDERS, before["sub"], "mcp-server")
    assert after["act"] == {"sub": "mcp-server"}
    assert got.response.headers["cache-control"] == "no-store"


async def test_the_audience_names_the_target_as_well(harness: AuthServerHarness) -> None:
    got = await exchange(harness, await signed_in(harness), resource=None, audience=ORDERS)

    assert claims_of(got.access)["aud"] == ORDERS


@proves("S110", "refuses", "token exchange never widens")
async def test_without_a_scope_the_result_has_what_user_and_token_share(
    harness: AuthServerHarness,
) -> None:
    got = await exchange(harness, await signed_in(harness, "mcp:tools"))
    less = await exchange(harness, await signed_in(harness, "mcp:read"))

    # orders:all is worth a scope that the token has, and is not alice's.
    assert got.body["scope"] == "orders:read orders:write"
    assert less.body["scope"] == "orders:read"


@proves("S110", "refuses", "token exchange never widens")
@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("mcp:read", "orders:write"),
        ("mcp:read", "orders:read orders:write"),
        ("mcp:read mcp:tools", "orders:all"),
        ("mcp:read mcp:tools", "mcp:read"),
        ("mcp:read mcp:tools", "billing:read"),
        ("mcp:read mcp:tools", 'not"a scope'),
    ],
)
async def test_a_wider_scope_is_refused(harness: AuthServerHarness, held: str, asked: str) -> None:
    got = await exchange(harness, await signed_in(harness, held), scope=asked)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_scope")


@proves("S110", "refuses", "token exchange never widens")
async def test_the_new_token_expires_with_the_subject_token(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    token = await signed_in(harness)
    clock.advance(500)

    got = await exchange(harness, token)

    assert claims_of(got.access)["exp"] == claims_of(token)["exp"]
    assert got.body["expires_in"] == 100


@proves("S110", "refuses", "token exchange never widens")
async def test_an_expired_subject_token_is_refused(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    token = await signed_in(harness)
    clock.advance(600)

    got = await exchange(harness, token)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_request")


@proves("S111", "refuses", "what cannot be exchanged")
@pytest.mark.parametrize("what", ["forged", "garbage", "refresh", "another-issuers", "revoked"])
async def test_only_a_live_access_token_of_this_server_is_exchanged(
    harness: AuthServerHarness, what: str
) -> None:
    from doorward.testing import TokenMint

    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    if what == "revoked":
        await harness.http.post("/revoke", data={"client_id": client, "token": tokens.refresh})
    header, payload, signature = tokens.access.split(".")
    token = {
        "forged": f"{header}.{payload}.{signature[:-4]}AAAA",
        "garbage": "x.y.z",
        "refresh": tokens.refresh,
        # What an upstream provider gives, even when it says all the right things.
        "another-issuers": TokenMint(issuer=ISSUER, audience=RESOURCE).sign(
            claims_of(tokens.access)
        ),
        "revoked": tokens.access,
    }[what]

    got = await exchange(harness, token)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_request")
    assert "access_token" not in got.body


@proves("S111", "accepts", "what cannot be exchanged")
async def test_the_same_token_unchanged_is_exchanged(harness: AuthServerHarness) -> None:
    assert (await exchange(harness, await signed_in(harness))).response.status_code == 200


@proves("S111", "refuses", "what cannot be exchanged")
@pytest.mark.parametrize(
    "kind",
    [
        "urn:ietf:params:oauth:token-type:id_token",
        "urn:ietf:params:oauth:token-type:refresh_token",
        "urn:ietf:params:oauth:token-type:jwt",
        "urn:ietf:params:oauth:token-type:saml2",
        None,
    ],
)
async def test_another_type_of_subject_token_is_refused(
    harness: AuthServerHarness, kind: str | None
) -> None:
    got = await exchange(harness, await signed_in(harness), subject_token_type=kind)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_token": None},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"actor_token": "x", "actor_token_type": ACCESS_TOKEN},
    ],
)
async def test_a_request_for_something_else_is_refused(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    got = await exchange(harness, await signed_in(harness), **changes)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": None},
        {"resource": BILLING},
        {"resource": RESOURCE},
        {"resource": "https://elsewhere.example"},
        {"resource": [ORDERS, BILLING]},
        {"audience": BILLING},
    ],
)
async def test_a_target_that_the_operator_did_not_name_is_refused(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    got = await exchange(harness, await signed_in(harness), **changes)

    assert (got.response.status_code, got.body["error"]) == (400, "invalid_target")


async def test_a_client_that_nobody_configured_for_it_exchanges_nothing(
    harness: AuthServerHarness,
) -> None:
    token = await signed_in(harness)
    stranger = {"client_id": "stranger", "client_secret": "stranger-" + "s" * 40}
    registered = await harness.register(token_endpoint_auth_method="client_secret_basic")
    headers = basic(registered["client_id"], registered["client_secret"])

    configured = await exchange(harness, token, headers={"x": "y"}, **stranger)
    by_itself = await exchange(harness, token, headers=headers)
    public = await exchange(harness, token, headers={"x": "y"}, client_id="public")

    for got in (configured, by_itself, public):
        assert (got.response.status_code, got.body["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({"headers": basic("mcp-server", "wrong")}, id="a-wrong-secret"),
        pytest.param({"headers": {"x": "y"}, "client_id": "mcp-server"}, id="no-secret"),
    ],
)
async def test_only_the_configured_client_can_exchange(
    harness: AuthServerHarness, shown: dict[str, Any]
) -> None:
    got = await exchange(harness, await signed_in(harness), **shown)

    assert (got.response.status_code, got.body["error"]) == (401, "invalid_client")


async def test_a_token_for_another_server_is_not_exchanged(harness: AuthServerHarness) -> None:
    token = await signed_in(harness)
    orders = (await exchange(harness, token)).access

    again = await exchange(harness, orders)
    theirs = await exchange(
        harness, token, headers=basic("orders-api", ORDERS_SECRET), resource=BILLING
    )

    for got in (again, theirs):
        assert (got.response.status_code, got.body["error"]) == (400, "invalid_request")


async def test_a_chain_of_exchanges_names_every_actor(harness: AuthServerHarness) -> None:
    orders = (await exchange(harness, await signed_in(harness))).access

    got = await exchange(
        harness, orders, headers=basic("orders-api", ORDERS_SECRET), resource=BILLING
    )

    claims = claims_of(got.access)
    assert (claims["aud"], claims["scope"]) == (BILLING, "billing:read")
    assert claims["act"] == {"sub": "orders-api", "act": {"sub": "mcp-server"}}


async def test_a_chain_of_too_many_actors_is_refused(harness: AuthServerHarness) -> None:
    acting: dict[str, Any] = {"sub": "one"}
    for name in ("two", "three", "four"):
        acting = {"sub": name, "act": acting}
    claims = claims_of(await signed_in(harness))
    three = harness.server.keys.sign({**claims, "act": acting["act"]}, "at+jwt")
    four = harness.server.keys.sign({**claims, "act": acting}, "at+jwt")

    assert (await exchange(harness, three)).response.status_code == 200
    assert (await exchange(harness, four)).body["error"] == "invalid_request"


async def test_revoking_the_grant_revokes_exchanged_tokens(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    got = await exchange(harness, tokens.access)

    async def active() -> bool:
        answer = await harness.http.post(
            "/introspect", data={"token": got.access}, headers=basic("orders-api", ORDERS_SECRET)
        )
        said = answer.json()
        assert "act" not in said or said["act"] == {"sub": "mcp-server"}
        return bool(said["active"])

    assert await active()
    await harness.http.post("/revoke", data={"client_id": client, "token": tokens.refresh})
    assert not await active()


async def test_tokens_of_a_disabled_user_are_not_exchanged(harness: AuthServerHarness) -> None:
    token = await signed_in(harness)
    await harness.server.users.disable("alice")

    assert (await exchange(harness, token)).body["error"] == "invalid_request"


async def test_the_grant_is_advertised_where_it_is_configured_and_nowhere_else(
    harness: AuthServerHarness, start_authserver: StartAuthServer
) -> None:
    plain: AuthServerHarness = await start_authserver()
    where = "/.well-known/oauth-authorization-server"

    assert GRANT in (await harness.http.get(where)).json()["grant_types_supported"]
    assert GRANT not in (await plain.http.get(where)).json()["grant_types_supported"]
    got = await exchange(
        plain, "x", headers={"x": "y"}, client_id=(await plain.register())["client_id"]
    )
    assert got.body["error"] == "unsupported_grant_type"


async def test_the_event_of_an_exchange_holds_no_token(harness: AuthServerHarness) -> None:
    token = await signed_in(harness)
    got = await exchange(harness, token)

    event = next(one for one in harness.events if one.kind == "token.exchanged")
    assert event.facts == {"client_id": "mcp-server", "target": ORDERS}
    assert token not in repr(harness.events)
    assert got.access not in repr(harness.events)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "nobody"}, "exchange-client"),
        ({"client_id": "public"}, "exchange-client"),
        ({"target": RESOURCE}, "exchange-resource"),
        ({"target": "https://elsewhere.example"}, "exchange-resource"),
        ({"resource": "https://elsewhere.example"}, "exchange-resource"),
        ({"scopes": {}}, "exchange-scope"),
        ({"scopes": {"mcp:tools": frozenset({"billing:read"})}}, "exchange-scope"),
        ({"scopes": {"orders:read": frozenset({"orders:read"})}}, "exchange-scope"),
        ({}, "exchange-twice"),
    ],
)
def test_an_invalid_exchange_policy_is_refused_at_start_up(
    changes: dict[str, Any], reason: str
) -> None:
    told = {
        "client_id": "mcp-server",
        "resource": RESOURCE,
        "target": ORDERS,
        "scopes": TO_ORDERS.scopes,
    }
    wrong = ExchangePolicy(**{**told, **changes})

    with pytest.raises(ConfigurationError) as refusal:
        AuthServerSettings(issuer=ISSUER, **{**CONFIGURED, "exchanges": (TO_ORDERS, wrong)})

    assert refusal.value.reason == reason
