"""The user, never a server, decides which issuer gets a service's credentials."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from doorward.client import (
    ClientConfig,
    ClientCredentials,
    Connection,
    EnterpriseManaged,
    PrivateKey,
    ProtocolBroken,
    ServiceSignIn,
    SignInFailed,
    TokenStore,
    WorkloadIdentity,
)
from doorward.client.workload.identity import ProjectedToken
from doorward.errors import ConfigurationError
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, FakeIssuer
from tests.client.test_service import jwt_for, serve_grants
from tests.ledger import proves

THIEF = "https://thief.example"
AWS, ENTRA = "sts.amazonaws.com", "api://AzureADTokenExchange"
NIGHTLY: dict[str, Any] = {"client_id": "nightly", "issuer": ISSUER}


def turn(fake_issuer: FakeIssuer) -> list[httpx2.Request]:
    """Let the server name a thief from now on; return what the thief is posted."""
    posted: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        posted.append(request)
        return fake_issuer._issue(frozenset(dict(parse_qsl(request.content.decode()))))

    fake_issuer.resource["authorization_servers"] = [THIEF]
    document = {**fake_issuer.metadata, "issuer": THIEF, "token_endpoint": f"{THIEF}/token"}
    document["authorization_endpoint"] = f"{THIEF}/authorize"
    place = f"{THIEF}/.well-known/oauth-authorization-server"
    fake_issuer.routes[place] = lambda _: httpx2.Response(200, json=document)
    fake_issuer.routes[f"{THIEF}/token"] = take
    return posted


def service(kind: str, tmp_path: Path) -> dict[str, Any]:
    """Return how a connection signs in, by something that a thief would like to have."""

    async def subject() -> str:
        return "id.token.of-alice"

    file = tmp_path / "token"
    file.write_text(jwt_for(ISSUER))
    assertion = {"issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"}
    company = httpx2.MockTransport(
        lambda _: httpx2.Response(
            200,
            stream=httpx2.ByteStream(
                httpx2.Response(200, json={**assertion, "access_token": "id.jag.x"}).content
            ),
        )
    )
    kinds: dict[str, dict[str, Any]] = {
        "secret": {
            "grant": ClientCredentials(),
            "client_config": ClientConfig(client_secret="s3cret", **NIGHTLY),
        },
        "key": {
            "grant": ClientCredentials(),
            "client_config": ClientConfig(private_key=PrivateKey.generate(), **NIGHTLY),
        },
        "projected": {
            "grant": WorkloadIdentity(ProjectedToken(file)),
            "client_config": ClientConfig(**NIGHTLY),
        },
        "company": {
            "grant": EnterpriseManaged(
                token_endpoint="https://idp.example/token",
                client_id="at-provider",
                subject_token=subject,
                transport=company,
            ),
            "client_config": ClientConfig(**NIGHTLY),
        },
    }
    return kinds[kind]


async def call_twice(
    connection: Connection, fake_issuer: FakeIssuer, clock: Clock
) -> list[httpx2.Request]:
    """Make a call, let the server turn, and make another when the token is over."""
    await connection.client.list_tools()
    posted = turn(fake_issuer)
    clock.now += 4000
    with pytest.raises(SignInFailed) as refusal:
        await connection.client.list_tools()
    assert refusal.value.reason == "wrong-issuer"
    return posted


@proves("S224", "refuses", "secrets to pinned issuers")
@pytest.mark.parametrize("kind", ["secret", "key", "projected", "company"])
async def test_a_server_that_switches_its_issuer_gets_no_credential_there(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, tmp_path: Path, kind: str
) -> None:
    serve_grants(fake_issuer)

    async with open_client(**service(kind, tmp_path)) as connection:
        posted = await call_twice(connection, fake_issuer, clock)

    assert posted == []
    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 1


@proves("S224", "accepts", "secrets to pinned issuers")
@pytest.mark.parametrize("kind", ["secret", "key", "projected", "company"])
async def test_the_pinned_issuer_is_used_for_every_token_request(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, tmp_path: Path, kind: str
) -> None:
    serve_grants(fake_issuer)

    async with open_client(**service(kind, tmp_path)) as connection:
        await connection.client.list_tools()
        clock.now += 4000
        await connection.client.list_tools()

    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 2


@proves("S224", "refuses", "secrets to pinned issuers")
async def test_the_pinned_issuer_is_used_although_the_server_lists_another_first(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path
) -> None:
    serve_grants(fake_issuer)
    posted = turn(fake_issuer)
    fake_issuer.resource["authorization_servers"] = [THIEF, ISSUER]

    async with open_client(**service("secret", tmp_path)) as connection:
        await connection.client.list_tools()

    assert posted == []
    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 1


@proves("S224", "refuses", "secrets to pinned issuers")
@pytest.mark.parametrize(
    "credential", [{"client_secret": "s3cret"}, {"private_key": PrivateKey.generate()}]
)
def test_a_credential_without_an_issuer_cannot_be_configured(credential: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ClientConfig(client_id="nightly", **credential)

    assert refusal.value.reason == "no-issuer"
    assert "s3cret" not in str(refusal.value)


@proves("S224", "refuses", "secrets to pinned issuers")
@pytest.mark.parametrize(
    "client_config",
    [ClientConfig(client_id="pod"), ClientConfig(document="https://me.example/client.json")],
    ids=["an-id", "a-document"],
)
def test_a_service_without_an_issuer_cannot_be_configured(
    token_store: TokenStore, client_config: ClientConfig
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ServiceSignIn.for_server(
            "https://mcp.example/mcp",
            token_store=token_store,
            grant=ClientCredentials(),
            client_config=client_config,
        )

    assert refusal.value.reason == "no-issuer"


@proves("S224", "accepts", "secrets to pinned issuers")
async def test_a_public_interactive_client_needs_no_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.clients["mine"] = {"scope": "mcp:read mcp:tools"}

    async with open_client(client_config=ClientConfig(client_id="mine")) as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["client_id"] == "mine"


def test_a_plain_http_issuer_cannot_be_configured() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ClientConfig(client_id="nightly", issuer="http://login.example")

    assert refusal.value.reason == "insecure-issuer"


async def test_a_client_id_metadata_document_is_used_only_at_the_pinned_issuer(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path
) -> None:
    fake_issuer.metadata["client_id_metadata_document_supported"] = True
    posted = turn(fake_issuer)
    client_config = ClientConfig(document="https://me.example/client.json", issuer=ISSUER)
    grant = service("projected", tmp_path)["grant"]

    async with open_client(grant=grant, client_config=client_config) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == "wrong-issuer"
    assert posted == []


async def test_tokens_of_the_previous_issuer_are_not_used_after_a_change(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    first = ClientConfig(client_secret="s3cret", **NIGHTLY)
    moved = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=THIEF)
    async with open_client(grant=ClientCredentials(), client_config=first) as connection:
        await connection.client.list_tools()
        assert connection.sign_in.tokens_for("https://mcp.example/mcp") is not None

    async with open_client(grant=ClientCredentials(), client_config=moved) as connection:
        assert connection.sign_in.tokens_for("https://mcp.example/mcp") is None


@proves("S224", "refuses", "secrets to pinned issuers")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(jwt_for("https://other.example"), id="another-issuer"),
        pytest.param(jwt_for(AWS), id="eks-as-it-comes"),
        pytest.param(jwt_for(ENTRA), id="aks-as-it-comes"),
        pytest.param(jwt_for([ISSUER, AWS]), id="one-of-two"),
        pytest.param(jwt_for(f"{ISSUER}/"), id="a-slash-more"),
        pytest.param(jwt_for([]), id="nobody"),
        pytest.param(jwt_for(None), id="null"),
        pytest.param(jwt_for([ISSUER, 7]), id="a-number"),
        pytest.param("e30.e30.c2ln", id="no-audience"),
        pytest.param("e30.!!.c2ln", id="unreadable"),
    ],
)
async def test_a_projected_token_with_another_audience_is_not_sent(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path, content: str
) -> None:
    serve_grants(fake_issuer)
    options = service("projected", tmp_path)
    (tmp_path / "token").write_text(content)

    async with open_client(**options) as connection:
        with pytest.raises(ProtocolBroken) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason in ("wrong-workload-audience", "not-a-token")
    assert content not in str(refusal.value)
    assert fake_issuer.forms(f"{ISSUER}/token") == []


@proves("S224", "accepts", "secrets to pinned issuers")
@pytest.mark.parametrize("audience", [ISSUER, [ISSUER], f"{ISSUER}/token"])
async def test_a_projected_token_may_have_the_issuer_or_token_endpoint_as_audience(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path, audience: Any
) -> None:
    serve_grants(fake_issuer)
    options = service("projected", tmp_path)
    (tmp_path / "token").write_text(jwt_for(audience))

    async with open_client(**options) as connection:
        await connection.client.list_tools()

    assert fake_issuer.forms(f"{ISSUER}/token")[0]["assertion"] == jwt_for(audience)


@proves("S224", "accepts", "secrets to pinned issuers")
async def test_a_configured_audience_is_requested_from_the_platform(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    asked: list[str] = []

    async def azure(audience: str) -> str:
        asked.append(audience)
        return jwt_for(audience)

    grant = WorkloadIdentity(azure, audience="api://doorward")
    async with open_client(grant=grant, client_config=ClientConfig(**NIGHTLY)) as connection:
        await connection.client.list_tools()

    assert asked == ["api://doorward"]


@proves("S224", "refuses", "secrets to pinned issuers")
async def test_a_platform_token_with_another_audience_is_not_sent(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)

    async def azure(_audience: str) -> str:
        return jwt_for(ISSUER)

    grant = WorkloadIdentity(azure, audience="api://doorward")
    async with open_client(grant=grant, client_config=ClientConfig(**NIGHTLY)) as connection:
        with pytest.raises(ProtocolBroken):
            await connection.client.list_tools()

    assert fake_issuer.forms(f"{ISSUER}/token") == []
