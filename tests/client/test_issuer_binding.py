"""Credentials and tokens are sent only to their own issuer and server."""

import httpx2
import pytest

from doorward.client import (
    ClientConfig,
    ClientRefused,
    OAuth,
    SignInFailed,
)
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer, changed
from tests.ledger import proves


@proves("S171", "accepts", "credentials stay with their issuer")
async def test_a_refresh_request_goes_to_the_issuer_of_the_token(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        clock.now += 4000
        await connection.client.list_tools()

    posts = [path for path in fake_issuer.paths() if path.startswith("POST")]
    assert posts.count(f"POST {ISSUER}/token") == 2


@proves("S171", "refuses", "credentials stay with their issuer")
async def test_no_credential_of_the_old_issuer_is_sent_to_a_new_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    thief = "https://thief.example"
    async with open_client() as connection:
        tokens = await connection.log_in()
        assert tokens is not None
        fake_issuer.live.clear()
        fake_issuer.resource["authorization_servers"] = [thief]
        fake_issuer.routes[f"{ISSUER}/token"] = lambda _: httpx2.Response(400, json={})
        fake_issuer.routes[f"{thief}/.well-known/oauth-authorization-server"] = lambda _: (
            httpx2.Response(
                200,
                json={
                    **{
                        name: value.replace(ISSUER, thief) if isinstance(value, str) else value
                        for name, value in fake_issuer.metadata.items()
                    }
                },
            )
        )
        fake_issuer.routes[f"{thief}/register"] = lambda _: httpx2.Response(
            201, json={"client_id": "fresh", "token_endpoint_auth_method": "none"}
        )
        fake_issuer.routes[f"{thief}/token"] = lambda _: httpx2.Response(400, json={})
        fake_issuer.answer = changed(iss=thief)
        with pytest.raises(ClientRefused):
            await connection.client.list_tools()

    stolen = [request for request in fake_issuer.asked if request.url.host == "thief.example"]
    assert len(stolen) == 3
    for request in stolen:
        seen = str(request.url).encode() + request.content + repr(request.headers).encode()
        for secret in (tokens.access_token, tokens.refresh_token or "", tokens.client_id):
            assert secret.encode() not in seen


@proves("S172", "accepts", "a static secret is pinned")
async def test_a_static_secret_is_sent_to_its_own_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    client_config = ClientConfig(client_id="mine", client_secret="s3cret", issuer=ISSUER)

    async with open_client(client_config=client_config) as connection:
        await connection.log_in()

    assert fake_issuer.forms(f"{ISSUER}/token")[0]["client_secret"] == "s3cret"


@proves("S172", "refuses", "a static secret is pinned")
async def test_a_static_secret_is_not_sent_to_another_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    client_config = ClientConfig(
        client_id="mine", client_secret="s3cret", issuer="https://other.example"
    )

    async with open_client(client_config=client_config) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "wrong-issuer"
    assert not any(b"s3cret" in request.content for request in fake_issuer.asked)
    assert fake_issuer.authorizations == []


@proves("S179", "refuses", "a token stays with its resource")
@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example/other",
        "https://mcp.example/mcp-admin",
        "https://mcp.example:8443/mcp",
        "http://mcp.example/mcp",
        "https://evil.example/mcp",
    ],
)
async def test_a_token_is_not_sent_to_another_url(
    open_client: Open, fake_issuer: FakeIssuer, url: str
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        async with httpx2.AsyncClient(auth=auth, transport=fake_issuer.transport) as http:
            await http.post(url)

    assert "authorization" not in fake_issuer.asked[-1].headers


@proves("S179", "refuses", "a token stays with its resource")
async def test_a_redirect_of_the_server_is_not_followed(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.routes[SERVER] = lambda _: httpx2.Response(
            307, headers={"Location": "https://evil.example/mcp"}
        )
        with pytest.raises(ClientRefused):
            await connection.client.list_tools()

    assert all(request.url.host != "evil.example" for request in fake_issuer.asked)
