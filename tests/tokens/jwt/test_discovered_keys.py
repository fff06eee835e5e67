"""Keys that are discovered through the issuer's metadata."""

from typing import Any

import pytest

from doorward.errors import KeysUnavailable
from doorward.tokens import DiscoveredKeys, TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.provider import Provider
from tests.tokens.signer import RESOURCE, Signer, claims

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@proves("S75", "accepts", "links in documents")
@pytest.mark.parametrize("where", [OAUTH + "/realm", OPENID + "/realm", "/realm" + OPENID])
async def test_keys_are_found_through_the_issuers_metadata(
    provider: Provider, signer: Signer, where: str
) -> None:
    issuer = f"{provider.url}/realm"
    provider.publish(signer.jwk)
    provider.describe(where, issuer=issuer, jwks_uri=f"{provider.url}/keys")
    keys = DiscoveredKeys(issuer, fetcher=provider.fetcher(), clock=FakeClock())

    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert provider.asked[-2:] == [where, "/keys"]


@proves("S75", "refuses", "links in documents")
@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"issuer": "{issuer}/", "jwks_uri": "{url}/keys"}, id="another-issuer"),
        pytest.param({"jwks_uri": "{url}/keys"}, id="no-issuer"),
        pytest.param({"issuer": "{issuer}"}, id="no-keys"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": 1}, id="keys-not-a-url"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": "https://10.0.0.1/keys"}, id="inside"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": "file:///keys"}, id="file"),
    ],
)
async def test_invalid_issuer_metadata_causes_no_key_fetch(
    provider: Provider, signer: Signer, members: dict[str, Any]
) -> None:
    issuer = f"{provider.url}/realm"
    provider.publish(signer.jwk)
    said = {
        name: value.format(issuer=issuer, url=provider.url) if isinstance(value, str) else value
        for name, value in members.items()
    }
    provider.describe(OAUTH + "/realm", **said)
    with pytest.raises(KeysUnavailable):
        await DiscoveredKeys(issuer, fetcher=provider.fetcher(), clock=FakeClock()).key(
            "k1", "ES256"
        )

    assert "/keys" not in provider.asked


async def test_the_internal_url_is_used_for_fetching_and_is_no_issuer(
    provider: Provider, signer: Signer
) -> None:
    public = "https://login.example/realm"
    provider.publish(signer.jwk)
    provider.describe("/realm" + OPENID, issuer=public, jwks_uri="https://login.example/keys")
    issuer = TrustedIssuer(
        issuer=public,
        audience=RESOURCE,
        algorithms=("ES256",),
        internal_url=f"{provider.url}/realm",
    )
    judge = Verifier([issuer], clock=FakeClock())
    await judge.start()

    assert (await judge.verify(signer.token(claims(iss=public)))).issuer == public
    with pytest.raises(Exception, match="unknown-issuer"):
        await judge.verify(signer.token(claims(iss=f"{provider.url}/realm")))
