"""On-behalf-of, against the documented requests and responses of Microsoft Entra."""

import json
from typing import Any

import jwt
import pytest

from doorward.downstream import (
    CertifiedKey,
    DownstreamTokens,
    GrantRefused,
    NoSubjectToken,
    OnBehalfOf,
    SignInNeeded,
)
from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.testing import TokenMint
from tests.downstream.conftest import Clock, caller
from tests.downstream.entra import (
    CLAIMS,
    CLIENT_ID,
    CONDITIONAL_ACCESS,
    GRAPH,
    NO_CONSENT,
    SECRET,
    TENANT,
    Entra,
)
from tests.downstream.issuer import Issuer

V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
V1 = f"https://sts.windows.net/{TENANT}/"
INBOUND = TokenMint(issuer=V2, audience=CLIENT_ID).mint("alice")


@pytest.fixture
def entra(issuer: Issuer) -> Entra:
    """The tenant, at this test's issuer."""
    tenant = Entra()
    tenant.endpoint = issuer.token_endpoint
    issuer.answer = tenant.answer
    return tenant


def downstream_of(issuer: Issuer, clock: Clock, **told: Any) -> DownstreamTokens:
    """Return ``DownstreamTokens`` with the grant ``graph``."""
    usual: dict[str, Any] = {
        "tenant": TENANT,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "scopes": {"User.Read"},
        "token_endpoint": issuer.token_endpoint,
    }
    graph = OnBehalfOf(**{**usual, **told})
    return DownstreamTokens({"graph": graph}, own_audiences={CLIENT_ID}, clock=clock)


async def get(downstream: DownstreamTokens, who: Identity, inbound: str = INBOUND) -> Any:
    """Ask for a token for ``graph``."""
    return await downstream.token_for(who, inbound, "graph", frozenset())


@pytest.mark.parametrize("name", [V2, V1])
async def test_the_token_of_the_caller_is_exchanged_for_a_graph_token(
    issuer: Issuer, entra: Entra, clock: Clock, name: str
) -> None:
    token = await get(downstream_of(issuer, clock), caller(issuer, issuer=name))

    assert jwt.decode(token, options={"verify_signature": False})["aud"] == GRAPH
    assert issuer.authorizations == [None]
    assert issuer.forms == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "assertion": INBOUND,
            "requested_token_use": "on_behalf_of",
            "scope": "User.Read",
        }
    ]


async def test_a_certificate_authenticates_the_client(
    issuer: Issuer, entra: Entra, clock: Clock
) -> None:
    key, pem, public = certificate()
    entra.certificate_key = public
    downstream = downstream_of(issuer, clock, client_secret=None, private_key=key)

    assert await get(downstream, caller(issuer, issuer=V2))
    assert "client_secret" not in issuer.forms[0]
    assert pem.decode().splitlines()[1] not in repr(key)


async def test_a_conditional_access_challenge_is_passed_to_the_client(
    issuer: Issuer, entra: Entra, clock: Clock
) -> None:
    entra.lacking = CONDITIONAL_ACCESS

    with pytest.raises(SignInNeeded) as refusal:
        await get(downstream_of(issuer, clock), caller(issuer, issuer=V2))

    assert (refusal.value.code, refusal.value.error) == (
        "downstream-sign-in-needed",
        "interaction_required",
    )
    assert refusal.value.claims is not None
    assert json.loads(refusal.value.claims) == CLAIMS
    assert str(refusal.value.challenge).startswith('Bearer error="insufficient_claims", claims="')
    assert "50079" in refusal.value.detail
    assert "multi-factor" not in str(refusal.value)


async def test_missing_consent_requires_a_sign_in(
    issuer: Issuer, entra: Entra, clock: Clock
) -> None:
    entra.lacking = NO_CONSENT

    with pytest.raises(SignInNeeded) as refusal:
        await get(downstream_of(issuer, clock), caller(issuer, issuer=V2))

    assert (refusal.value.error, refusal.value.claims) == ("invalid_grant", None)
    entra.lacking = None
    assert await get(downstream_of(issuer, clock), caller(issuer, issuer=V2))


async def test_a_token_for_another_application_is_refused_by_entra(
    issuer: Issuer, entra: Entra, clock: Clock
) -> None:
    other = TokenMint(issuer=V2, audience="another-application").mint("alice")

    with pytest.raises(GrantRefused) as refusal:
        await get(downstream_of(issuer, clock), caller(issuer, issuer=V2), other)

    assert other not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "https://login.microsoftonline.com/11111111-86f1-41af-91ab-2d7cd011db47/v2.0",
        f"https://login.microsoftonline.com/{TENANT}/v2.0/",
        "https://login.example",
    ],
)
async def test_a_token_of_another_tenant_is_not_sent(
    issuer: Issuer, entra: Entra, clock: Clock, name: str
) -> None:
    with pytest.raises(NoSubjectToken):
        await get(downstream_of(issuer, clock), caller(issuer, issuer=name))

    assert issuer.forms == []


def test_a_tenant_must_be_an_id_and_determines_the_endpoint() -> None:
    graph = OnBehalfOf(tenant=TENANT, client_id=CLIENT_ID, client_secret=SECRET)
    assert graph.token_endpoint == (f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
    for name in ("common", "organizations", "contoso.example", ""):
        with pytest.raises(ConfigurationError) as refusal:
            OnBehalfOf(tenant=name, client_id=CLIENT_ID, client_secret=SECRET)
        assert refusal.value.reason == "not-a-tenant"


def test_an_unreadable_certificate_is_refused() -> None:
    from doorward.client import PrivateKey

    with pytest.raises(ConfigurationError) as refusal:
        CertifiedKey(PrivateKey.generate(), b"-----BEGIN NOTHING-----")

    assert refusal.value.reason == "unreadable-certificate"


def certificate() -> tuple[CertifiedKey, bytes, Any]:
    """Return an RSA key with its certificate, the key as PEM, and its public half."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from doorward.client import PrivateKey

    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mcp-server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = CertifiedKey(
        PrivateKey.from_pem(pem.decode()), made.public_bytes(serialization.Encoding.PEM)
    )
    return key, pem, private.public_key()
