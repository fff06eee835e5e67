"""Sign-ins without a person: client credentials, enterprise-managed, workload identity."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from doorward.client import (
    ClientConfig,
    ClientCredentials,
    EnterpriseManaged,
    InsufficientScope,
    OAuth,
    PrivateKey,
    ProtocolBroken,
    SignInFailed,
    Unreachable,
    WorkloadIdentity,
)
from doorward.errors import ConfigurationError
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.ledger import proves

IDP = "https://idp.example/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


def serve_grants(fake_issuer: FakeIssuer) -> None:
    """Let the fake issuer give tokens to whoever asks well enough; the tests look at the forms."""

    def issue(request: httpx2.Request) -> httpx2.Response:
        form = dict(parse_qsl(request.content.decode()))
        return fake_issuer._issue(frozenset(form.get("scope", "").split()))

    fake_issuer.routes[f"{ISSUER}/token"] = issue


def refusing(fake_issuer: FakeIssuer, error: str) -> None:
    fake_issuer.routes[f"{ISSUER}/token"] = lambda _: httpx2.Response(400, json={"error": error})


async def test_a_service_signs_in_with_its_secret_without_a_browser(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    client_config = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=ISSUER)
    fake_issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert result.text == "5"
    assert fake_issuer.authorizations == []
    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert form == {
        "grant_type": "client_credentials",
        "resource": SERVER,
        "scope": "mcp:read mcp:tools",
    }
    (request,) = (one for one in fake_issuer.asked if str(one.url) == f"{ISSUER}/token")
    assert request.headers["authorization"].startswith("Basic ")


# RFC 9864 calls it Ed25519 by now; the servers in the field announce EdDSA.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize(
    ("make", "reader", "algorithm"),
    [
        (lambda: ECKey.generate_key("P-256"), ECKey, "ES256"),
        (lambda: RSAKey.generate_key(2048), RSAKey, "RS256"),
        (lambda: OKPKey.generate_key("Ed25519"), OKPKey, "EdDSA"),
    ],
)
async def test_the_client_assertion_of_a_service_has_the_issuer_as_audience(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, make: Any, reader: Any, algorithm: str
) -> None:
    serve_grants(fake_issuer)
    key = make()
    pem = key.as_pem(private=True).decode()
    client_config = ClientConfig(
        client_id="nightly", private_key=PrivateKey.from_pem(pem), issuer=ISSUER
    )

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()

    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    public = reader.import_key(key.as_dict(private=False))
    token = jwt.decode(form["client_assertion"], public, algorithms=[algorithm])
    assert token.claims["iss"] == token.claims["sub"] == "nightly"
    assert token.claims["aud"] == ISSUER
    assert token.claims["exp"] - clock.now <= 60
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert "client_secret" not in form


async def test_a_service_does_not_request_offline_access(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    fake_issuer.metadata["scopes_supported"] = ["mcp:read", "offline_access"]
    client_config = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=ISSUER)

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()

    assert fake_issuer.forms(f"{ISSUER}/token")[0]["scope"] == "mcp:read mcp:tools"


@proves("auth-step-up-own-behalf", "accepts")
async def test_a_service_steps_up_without_a_user_to_the_union_of_scopes(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    fake_issuer.challenge["scope"] = "mcp:read"
    client_config = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=ISSUER)

    async with open_client(
        grant=ClientCredentials(), client_config=client_config, interactive=False
    ) as connection:
        await connection.client.list_tools()
        fake_issuer.needed = frozenset({"mcp:admin"})
        await connection.client.list_tools()

    scopes = [form["scope"] for form in fake_issuer.forms(f"{ISSUER}/token")]
    assert scopes == ["mcp:read", "mcp:admin mcp:read"]


@proves("auth-step-up-own-behalf", "refuses")
async def test_a_service_stops_after_a_step_up_that_grants_nothing(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    fake_issuer.grantable = frozenset({"mcp:read"})
    fake_issuer.challenge["scope"] = "mcp:read"
    client_config = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=ISSUER)

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()
        fake_issuer.needed = frozenset({"mcp:admin"})
        for _ in range(3):
            with pytest.raises(InsufficientScope):
                await connection.client.list_tools()

    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 2


async def test_each_token_request_has_a_new_client_assertion(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    serve_grants(fake_issuer)
    client_config = ClientConfig(
        client_id="nightly", private_key=PrivateKey.generate(), issuer=ISSUER
    )

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()
        clock.now += 4000
        await connection.client.list_tools()

    first, second = fake_issuer.forms(f"{ISSUER}/token")
    assert first["client_assertion"] != second["client_assertion"]


async def test_a_private_key_is_neither_stored_nor_in_the_repr(
    open_client: Open, fake_issuer: FakeIssuer, tmp_path: Path
) -> None:
    serve_grants(fake_issuer)
    key = PrivateKey.generate()
    client_config = ClientConfig(client_id="nightly", private_key=key, issuer=ISSUER)

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()
        kept = (tmp_path / "doorward" / "tokens.json").read_text()

    assert "nightly" in kept
    assert "PRIVATE" not in kept
    assert "PRIVATE" not in repr(client_config)


async def test_concurrent_calls_of_a_service_near_expiry_cause_one_token_request(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    serve_grants(fake_issuer)
    client_config = ClientConfig(client_id="nightly", client_secret="s3cret", issuer=ISSUER)

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        await connection.client.list_tools()
        auth = OAuth(SERVER, connection.sign_in)
        clock.now += 3580
        before = len(fake_issuer.forms(f"{ISSUER}/token"))
        async with httpx2.AsyncClient(auth=auth, transport=fake_issuer.transport) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(fake_issuer.forms(f"{ISSUER}/token")) - before == 1


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_scope", "unauthorized_client"])
async def test_a_refused_grant_is_not_retried(
    open_client: Open, fake_issuer: FakeIssuer, error: str
) -> None:
    refusing(fake_issuer, error)
    client_config = ClientConfig(client_id="pod", issuer=ISSUER)

    async with open_client(grant=WorkloadIdentity(_jwt), client_config=client_config) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == error.replace("_", "-")
    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 1
    assert fake_issuer.authorizations == []


async def test_a_refused_renewal_is_not_retried(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    serve_grants(fake_issuer)
    client_config = ClientConfig(client_id="pod", issuer=ISSUER)
    async with open_client(grant=WorkloadIdentity(_jwt), client_config=client_config) as connection:
        await connection.client.list_tools()
        clock.now += 4000
        refusing(fake_issuer, "invalid_grant")
        with pytest.raises(SignInFailed):
            await connection.client.list_tools()

    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 2


async def test_a_service_without_a_client_id_does_not_register(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client(grant=ClientCredentials()) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == "no-client"
    assert f"POST {ISSUER}/register" not in fake_issuer.paths()


@proves("S172", "refuses", "a static secret is pinned")
async def test_the_secret_of_a_service_is_not_sent_to_another_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    client_config = ClientConfig(
        client_id="n", client_secret="s3cret", issuer="https://other.example"
    )

    async with open_client(grant=ClientCredentials(), client_config=client_config) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == "wrong-issuer"
    assert not any(b"s3cret" in request.content for request in fake_issuer.asked)


async def test_a_workload_sends_a_jwt_with_the_issuer_as_audience(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)

    async with open_client(
        grant=WorkloadIdentity(_jwt), client_config=ClientConfig(client_id="pod", issuer=ISSUER)
    ) as connection:
        await connection.client.list_tools()

    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert form["grant_type"] == JWT_BEARER
    assert form["assertion"] == jwt_for(ISSUER)
    assert form["client_id"] == "pod"


async def test_the_enterprise_grant_exchanges_the_id_token_and_then_redeems_the_id_jag(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    serve_grants(fake_issuer)
    provider = _Provider({"issued_token_type": ID_JAG, "access_token": "id.jag.x"})
    client_config = ClientConfig(client_id="at-server", client_secret="s2", issuer=ISSUER)

    async with open_client(grant=provider.grant(), client_config=client_config) as connection:
        await connection.client.list_tools()

    assert provider.asked == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": ID_JAG,
            "audience": ISSUER,
            "resource": SERVER,
            "scope": "mcp:read mcp:tools",
            "subject_token": "id.token.of-alice",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "client_id": "at-provider",
            "client_secret": "s1",
        }
    ]
    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert (form["grant_type"], form["assertion"]) == (JWT_BEARER, "id.jag.x")
    # What one of the two gave out is never shown to the other.
    assert not any(b"s1" in one.content or b"alice" in one.content for one in fake_issuer.asked)


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        pytest.param(400, {"error": "access_denied"}, SignInFailed, id="policy-says-no"),
        pytest.param(503, {}, Unreachable, id="away"),
        pytest.param(200, {"access_token": "a.b.c"}, ProtocolBroken, id="kind-not-said"),
        pytest.param(
            200,
            {
                "access_token": "a.b.c",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            },
            ProtocolBroken,
            id="an-access-token",
        ),
        pytest.param(
            200,
            {"access_token": "a\r\nb", "issued_token_type": ID_JAG},
            ProtocolBroken,
            id="writes-headers",
        ),
    ],
)
async def test_without_an_assertion_no_token_request_is_sent(
    open_client: Open, fake_issuer: FakeIssuer, status: int, document: dict[str, str], kind: Any
) -> None:
    provider = _Provider(document, status)

    async with open_client(
        grant=provider.grant(), client_config=ClientConfig(client_id="at-server", issuer=ISSUER)
    ) as connection:
        with pytest.raises(kind):
            await connection.client.list_tools()

    assert fake_issuer.forms(f"{ISSUER}/token") == []


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        rsa.generate_private_key(65537, 1024)
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    ],
    ids=["nothing", "garbage", "another-curve", "a-small-key"],
)
def test_a_weak_or_invalid_private_key_is_refused(pem: str) -> None:
    with pytest.raises(ConfigurationError):
        PrivateKey.from_pem(pem)


def jwt_for(audience: Any) -> str:
    """Return a JWT that nobody has signed, for ``audience``."""
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "pod", "aud": audience}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


async def _jwt(audience: str) -> str:
    return jwt_for(audience)


class _Provider(httpx2.AsyncBaseTransport):
    """An identity provider that answers every exchange in the same way."""

    def __init__(self, document: dict[str, str], status: int = 200) -> None:
        self.asked: list[dict[str, str]] = []
        self._document, self._status = document, status

    def grant(self) -> EnterpriseManaged:
        async def subject() -> str:
            return "id.token.of-alice"

        return EnterpriseManaged(
            token_endpoint=IDP,
            client_id="at-provider",
            client_secret="s1",
            subject_token=subject,
            transport=self,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == IDP
        self.asked.append(dict(parse_qsl((await request.aread()).decode())))
        whole = httpx2.Response(self._status, json=self._document)
        stream = httpx2.ByteStream(whole.content)
        return httpx2.Response(self._status, headers=whole.headers, stream=stream)
