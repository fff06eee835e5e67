"""The token requests for the next server."""

import base64

import pytest

from doorward.downstream import ClientCredentials, DownstreamUnavailable
from tests.downstream.conftest import Clock
from tests.downstream.issuer import Issuer
from tests.downstream.one_grant import INBOUND, SECRET, downstream_of, exchange, get


async def test_the_token_of_the_caller_is_exchanged(issuer: Issuer, clock: Clock) -> None:
    token = await get(downstream_of(issuer, clock), issuer, "orders:read")

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


async def test_the_secret_is_form_encoded_in_the_basic_header(issuer: Issuer, clock: Clock) -> None:
    await get(downstream_of(issuer, clock), issuer)

    (header,) = issuer.authorizations
    assert header is not None
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    assert pair == "mcp-server:a+secret%2Fwith%2Bsigns+of+its+own%2C+long+enough"


async def test_the_secret_is_sent_in_the_body_with_client_secret_post(
    issuer: Issuer, clock: Clock
) -> None:
    grant = exchange(issuer, method="client_secret_post")
    await get(downstream_of(issuer, clock, grant=grant), issuer)

    assert issuer.authorizations == [None]
    assert (issuer.forms[0]["client_id"], issuer.forms[0]["client_secret"]) == (
        "mcp-server",
        SECRET,
    )


async def test_a_private_key_authenticates_the_client(issuer: Issuer, clock: Clock) -> None:
    import jwt

    from doorward.client import PrivateKey

    key = PrivateKey.generate()
    grant = exchange(issuer, client_secret=None, private_key=key)
    await get(downstream_of(issuer, clock, grant=grant), issuer)

    (form,) = issuer.forms
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    claims = jwt.decode(
        form["client_assertion"],
        jwt.PyJWK(key.public_jwk()),
        algorithms=["ES256"],
        audience=issuer.issuer,
        options={"verify_iat": False, "verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("mcp-server", "mcp-server")
    assert claims["exp"] - claims["iat"] == 60


async def test_the_token_endpoint_is_discovered_once(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock)
    await get(downstream, issuer, "a")
    await get(downstream, issuer, "b")

    assert issuer.metadata_fetches == 1


async def test_metadata_of_another_issuer_is_refused(issuer: Issuer, clock: Clock) -> None:
    issuer.metadata = {"issuer": "https://other.example"}

    with pytest.raises(DownstreamUnavailable):
        await get(downstream_of(issuer, clock), issuer)

    assert issuer.forms == []


async def test_different_scopes_get_different_tokens(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock)

    assert await get(downstream, issuer, "a") != await get(downstream, issuer, "b")
    assert await get(downstream, issuer, "b", "a") == "token-orders-a+b"


async def test_the_configured_scopes_are_requested_by_default(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock, grant=exchange(issuer, scopes={"usual"}))
    await get(downstream, issuer)
    await get(downstream, issuer, "special")

    assert [form["scope"] for form in issuer.forms] == ["usual", "special"]


async def test_a_client_credentials_token_is_shared_by_all_callers(
    issuer: Issuer, clock: Clock
) -> None:
    grant = ClientCredentials(
        issuer=issuer.issuer,
        client_id="mcp-server",
        client_secret=SECRET,
        resource="https://o.example",
    )
    downstream = downstream_of(issuer, clock, grant=grant)
    await get(downstream, issuer, subject="alice")
    await get(downstream, issuer, subject="bob", kind="key")

    assert issuer.forms == [{"grant_type": "client_credentials", "resource": "https://o.example"}]
