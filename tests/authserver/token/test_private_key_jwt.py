"""``private_key_jwt``: an assertion is checked whole, and accepted once."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from doorward.authserver import AuthServerSettings, ConfiguredClient, Resource
from doorward.authserver.client_auth_methods import JWT_BEARER
from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SUPPORTED
from doorward.jose.private_key import PrivateKey
from doorward.net.client_authentication import CLIENT_AUTH_METHODS, ClientCredential
from doorward.net.http.refusals import FetchFailed
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import (
    CALLBACK,
    ISSUER,
    RESOURCE,
    AuthServerHarness,
    Tokens,
    basic,
)
from tests.ledger import proves

# joserfc calls EdDSA deprecated in favour of names that clients do not use yet.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

KEY = ECKey.generate_key("P-256", parameters={"kid": "k1"})
OTHER_KEY = ECKey.generate_key("P-256", parameters={"kid": "k1"})
JWKS_URI = "https://app.example/keys"


@cache
def rsa_key() -> RSAKey:
    """Return one RSA key for all tests here: generating one takes longer than a test."""
    return RSAKey.generate_key(2048)


def public_set(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


@dataclass
class Signer:
    """A client with a key, and one good assertion to be changed in one way at a time."""

    harness: AuthServerHarness
    client_id: str
    key: Any = field(default_factory=lambda: KEY)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256", "kid": "k1"})
    counter: int = 0

    def claims(self, **changes: Any) -> dict[str, Any]:
        self.counter += 1
        now = int(self.harness.clock())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "jti": f"jti-{self.counter}",
            "iat": now,
            "exp": now + 60,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def assertion(
        self, header: Mapping[str, Any] | None = None, key: Any = None, **changes: Any
    ) -> str:
        named = {**self.header, **(header or {})}
        kept = {name: value for name, value in named.items() if value is not None}
        payload = json.dumps(self.claims(**changes)).encode()
        registry = jws.JWSRegistry(algorithms=[kept["alg"]])
        return jws.serialize_compact(kept, payload, key or self.key, registry=registry)

    async def send(self, assertion: str, **fields: Any) -> Tokens:
        """Redeem a fresh code with ``assertion``."""
        code = await self.harness.code(self.client_id)
        proof = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}
        return await self.harness.token(
            self.harness.code_fields(self.client_id, code, **{**proof, **fields})
        )


@pytest.fixture
async def signer(harness: AuthServerHarness) -> Signer:
    client = await harness.register(
        token_endpoint_auth_method="private_key_jwt", jwks=public_set(KEY)
    )
    assert "client_secret" not in client
    return Signer(harness, client["client_id"])


def assert_refused(tokens: Tokens, harness: AuthServerHarness, detail: str) -> None:
    assert tokens.response.status_code == 401
    assert tokens.body["error"] == "invalid_client"
    assert tokens.body["error_description"] == "Client authentication failed."
    refused = [event for event in harness.events if event.kind == "request.refused"][-1]
    assert refused.reason == "invalid-client"
    assert detail in refused.facts["detail"]


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_a_client_gets_in_with_an_assertion_that_it_signed(signer: Signer) -> None:
    tokens = await signer.send(signer.assertion())

    assert tokens.response.status_code == 200
    assert tokens.body["scope"] == "mcp:read mcp:tools"


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_the_assertion_alone_names_the_client(signer: Signer) -> None:
    tokens = await signer.send(signer.assertion(), client_id=None)

    assert tokens.response.status_code == 200


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_the_assertion_of_our_own_client_is_accepted(harness: AuthServerHarness) -> None:
    key = PrivateKey.generate()
    client = await harness.register(
        token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key.public_jwk()]}
    )
    credential = ClientCredential(client_id=client["client_id"], private_key=key)
    code = await harness.code(client["client_id"])
    fields = harness.code_fields(client["client_id"], code)

    proof = CLIENT_AUTH_METHODS["private_key_jwt"].apply(
        credential, fields, ISSUER, harness.clock()
    )

    assert (await harness.token(proof.form)).response.status_code == 200


@proves("S90", "accepts", "private_key_jwt is checked whole")
@pytest.mark.parametrize("algorithm", sorted(SUPPORTED))
async def test_every_advertised_algorithm_is_accepted(
    harness: AuthServerHarness, algorithm: str
) -> None:
    published = (await harness.http.get("/.well-known/oauth-authorization-server")).json()
    for endpoint in ("token", "revocation", "introspection"):
        assert algorithm in published[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.get(algorithm)
    if curve is not None:
        key: Any = ECKey.generate_key(curve)
    elif algorithm == "EdDSA":
        key = OKPKey.generate_key("Ed25519")
    else:
        key = rsa_key()
    client = await harness.register(
        token_endpoint_auth_method="private_key_jwt",
        jwks=public_set(key),
        token_endpoint_auth_signing_alg=algorithm,
    )
    signer = Signer(harness, client["client_id"], key, {"alg": algorithm})

    assert (await signer.send(signer.assertion())).response.status_code == 200


@proves("S90", "accepts", "private_key_jwt is checked whole")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [ISSUER]},
        {"iat": None},
        {"nbf": 0},
        {"exp": 1_800_003_600},
        {"exp": 1_800_000_000 - 29},
        {"iat": 1_800_000_029},
        {"jti": "x" * 512},
        {"scope": "anything-else"},
    ],
    ids=str,
)
async def test_what_the_specification_leaves_open_is_accepted(
    signer: Signer, changes: dict[str, Any]
) -> None:
    if changes.get("exp", 1e10) < 1_800_000_000:
        changes = {**changes, "iat": None}

    tokens = await signer.send(signer.assertion(**changes))

    assert tokens.response.status_code == 200


@proves("S90", "refuses", "private_key_jwt is checked whole")
@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"iss": "somebody-else"}, "iss of the assertion"),
        ({"iss": None}, "iss of the assertion"),
        ({"iss": ["x"]}, "iss of the assertion"),
        ({"sub": None}, "names no client"),
        ({"sub": ["x"]}, "names no client"),
        ({"aud": None}, "aud of the assertion"),
        ({"aud": []}, "aud of the assertion"),
        ({"aud": ISSUER + "/token"}, "aud of the assertion"),
        ({"aud": ISSUER + "/"}, "aud of the assertion"),
        ({"aud": [ISSUER, "https://other.example"]}, "aud of the assertion"),
        ({"aud": [ISSUER, ISSUER]}, "aud of the assertion"),
        ({"aud": {ISSUER: 1}}, "aud of the assertion"),
        ({"exp": None}, "exp of the assertion"),
        ({"exp": 1_800_000_000 - 30}, "exp of the assertion"),
        ({"exp": 1_800_000_000 + 3631}, "exp of the assertion"),
        ({"exp": "1800000060"}, "exp of the assertion"),
        ({"exp": True}, "exp of the assertion"),
        ({"iat": 1_800_000_031, "exp": 1_800_000_060}, "iat of the assertion"),
        ({"iat": "x"}, "iat of the assertion"),
        ({"iat": -1}, "iat of the assertion"),
        ({"nbf": 1_800_000_031}, "nbf of the assertion"),
        ({"nbf": False}, "nbf of the assertion"),
        ({"jti": None}, "no jti"),
        ({"jti": ""}, "no jti"),
        ({"jti": 7}, "no jti"),
        ({"jti": "x" * 513}, "no jti"),
    ],
    ids=str,
)
async def test_an_assertion_that_is_wrong_in_one_claim_is_refused(
    signer: Signer, changes: dict[str, Any], detail: str
) -> None:
    tokens = await signer.send(signer.assertion(**changes))

    assert_refused(tokens, signer.harness, detail)


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_a_number_that_is_no_number_does_not_last_for_ever(signer: Signer) -> None:
    for text in ("NaN", "Infinity", "1e999"):
        claims = json.dumps(signer.claims(exp=0)).replace('"exp": 0', f'"exp": {text}').encode()
        registry = jws.JWSRegistry(algorithms=["ES256"])
        assertion = jws.serialize_compact(signer.header, claims, KEY, registry=registry)

        tokens = await signer.send(assertion)

        assert tokens.response.status_code == 401


@proves("S90", "accepts", "private_key_jwt is checked whole")
@pytest.mark.parametrize(
    "typ",
    [None, "JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"],
)
async def test_the_type_of_a_client_assertion_is_accepted(signer: Signer, typ: str | None) -> None:
    assert (await signer.send(signer.assertion({"typ": typ}))).response.status_code == 200


@proves("S90", "refuses", "private_key_jwt is checked whole")
@pytest.mark.parametrize(
    "typ", ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "oauth-id-jag+jwt", "logout+jwt", "x", ""]
)
async def test_another_jwt_that_the_client_signed_is_refused(signer: Signer, typ: str) -> None:
    tokens = await signer.send(signer.assertion({"typ": typ}))

    assert_refused(tokens, signer.harness, "typ=")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_a_signature_of_another_key_is_refused(signer: Signer) -> None:
    tokens = await signer.send(signer.assertion(key=OTHER_KEY))

    assert_refused(tokens, signer.harness, "wrong signature")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_an_unknown_kid_is_refused(signer: Signer) -> None:
    tokens = await signer.send(signer.assertion({"kid": "k2"}))

    assert_refused(tokens, signer.harness, "no such key")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_an_algorithm_that_proves_no_private_key_is_refused(signer: Signer) -> None:
    # The public key as a shared secret: every verifier that takes the algorithm from the header
    # would accept it.
    shared = OctKey.import_key(json.dumps(public_set(KEY)))
    unsigned = signer.assertion().rpartition(".")[0] + ".AAAA"
    tried = {
        "no such key": unsigned.replace(unsigned.split(".")[0], _segment('{"alg":"RS256"}')),
        "alg='HS256'": signer.assertion({"alg": "HS256"}, key=shared),
        "alg='none'": unsigned.replace(unsigned.split(".")[0], _segment('{"alg":"none"}')),
    }

    for detail, assertion in tried.items():
        assert_refused(await signer.send(assertion), signer.harness, detail)


def _segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_another_algorithm_than_the_registered_one_is_refused(
    harness: AuthServerHarness,
) -> None:
    key = rsa_key()
    client = await harness.register(
        token_endpoint_auth_method="private_key_jwt",
        jwks=public_set(key),
        token_endpoint_auth_signing_alg="PS256",
    )
    signer = Signer(harness, client["client_id"], key, {"alg": "RS256"})

    assert_refused(await signer.send(signer.assertion()), harness, "alg='RS256'")
    assert (await signer.send(signer.assertion({"alg": "PS256"}))).response.status_code == 200


@proves("S90", "refuses", "private_key_jwt is checked whole")
@pytest.mark.parametrize("path", ["/token", "/revoke"])
async def test_an_assertion_is_accepted_once(signer: Signer, path: str) -> None:
    assertion = signer.assertion()
    assert (await signer.send(assertion)).response.status_code == 200

    again = await signer.harness.http.post(
        signer.harness.url(path),
        data={
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion,
            "grant_type": "refresh_token",
            "refresh_token": "x",
            "token": "x",
        },
    )

    assert again.status_code == 401
    assert_refused(Tokens(again), signer.harness, "used before")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_of_many_requests_at_once_one_assertion_lets_one_in(signer: Signer) -> None:
    assertion = signer.assertion()
    codes = [await signer.harness.code(signer.client_id) for _ in range(8)]
    proof = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}

    answers = await asyncio.gather(
        *(
            signer.harness.token(signer.harness.code_fields(signer.client_id, code, **proof))
            for code in codes
        )
    )

    assert sorted(answer.response.status_code for answer in answers) == [200] + [401] * 7


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_the_same_jti_of_two_clients_is_two_assertions(signer: Signer) -> None:
    other = await signer.harness.register(
        token_endpoint_auth_method="private_key_jwt", jwks=public_set(KEY)
    )
    second = Signer(signer.harness, other["client_id"])

    assert (await signer.send(signer.assertion(jti="1"))).response.status_code == 200
    assert (await second.send(second.assertion(jti="1"))).response.status_code == 200


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_a_refused_assertion_spends_no_jti(signer: Signer) -> None:
    await signer.send(signer.assertion(key=OTHER_KEY, jti="1"))

    assert (await signer.send(signer.assertion(jti="1"))).response.status_code == 200


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_an_assertion_is_spent_until_nothing_would_accept_it(
    signer: Signer, clock: StoppedClock
) -> None:
    assertion = signer.assertion()
    await signer.send(assertion)

    clock.advance(89)
    assert_refused(await signer.send(assertion), signer.harness, "used before")
    clock.advance(1)
    assert_refused(await signer.send(assertion), signer.harness, "exp of the assertion")


@proves("S90", "refuses", "private_key_jwt is checked whole")
@pytest.mark.parametrize(
    "fields",
    [
        {"client_assertion": "eyJ.e30.x"},
        {"client_assertion": "", "client_id": "x"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ""},
    ],
    ids=str,
)
async def test_a_broken_assertion_never_falls_back_to_none(
    signer: Signer, fields: dict[str, Any]
) -> None:
    tokens = await signer.send(signer.assertion(), **fields)

    assert tokens.response.status_code == 401
    assert tokens.body["error"] == "invalid_client"


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_without_an_assertion_the_client_does_not_get_in(signer: Signer) -> None:
    harness = signer.harness
    code = await harness.code(signer.client_id)

    tokens = await harness.token(harness.code_fields(signer.client_id, code))

    assert_refused(tokens, harness, "none used, private_key_jwt is registered")


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_a_client_of_another_method_gets_in_by_no_assertion(
    harness: AuthServerHarness,
) -> None:
    for method in ("none", "client_secret_basic"):
        client = await harness.register(token_endpoint_auth_method=method, jwks=public_set(KEY))
        signer = Signer(harness, client["client_id"])

        tokens = await signer.send(signer.assertion())

        assert_refused(tokens, harness, f"private_key_jwt used, {method} is registered")


@proves("S89", "refuses", "client authentication is exact")
async def test_an_assertion_beside_another_method_is_refused(signer: Signer) -> None:
    beside_secret = await signer.send(signer.assertion(), client_secret="x" * 43)
    assert beside_secret.response.status_code == 400
    code = await signer.harness.code(signer.client_id)
    beside_basic = await signer.harness.token(
        signer.harness.code_fields(
            signer.client_id,
            code,
            client_assertion_type=JWT_BEARER,
            client_assertion=signer.assertion(),
        ),
        headers=basic(signer.client_id, "x" * 43),
    )
    assert beside_basic.response.status_code == 400


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_an_assertion_of_another_client_than_the_client_id_is_refused(
    signer: Signer,
) -> None:
    other = await signer.harness.register()

    tokens = await signer.send(signer.assertion(), client_id=other["client_id"])

    assert tokens.response.status_code == 400


@proves("S103", "refuses", "refusals look alike")
async def test_an_unknown_client_and_a_wrong_key_answer_alike(signer: Signer) -> None:
    known = await signer.send(signer.assertion(key=OTHER_KEY))
    nobody = {"iss": "dw-nobody", "sub": "dw-nobody"}
    unknown = await signer.send(signer.assertion(None, None, **nobody), client_id="dw-nobody")

    assert known.response.text == unknown.response.text
    assert {known.response.status_code, unknown.response.status_code} == {401}


@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_while_the_store_is_away_no_assertion_is_accepted_or_refused(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await signer.harness.code(signer.client_id)
    client = await signer.harness.server.services.clients.find(signer.client_id)

    async def find(_client_id: str, _beside: object = None) -> Any:
        return client

    monkeypatch.setattr(signer.harness.server.services.clients, "find", find)
    monkeypatch.setattr(signer.harness.server.keys, "rotate_if_due", lambda: asyncio.sleep(0))
    async with signer.harness.broken_store():
        tokens = await signer.harness.token(
            signer.harness.code_fields(
                signer.client_id,
                code,
                client_assertion_type=JWT_BEARER,
                client_assertion=signer.assertion(),
            )
        )

    assert tokens.response.status_code == 503
    assert tokens.body["error"] == "temporarily_unavailable"


@pytest.fixture
def fetcher() -> FakeDocumentFetcher:
    fetcher = FakeDocumentFetcher()
    fetcher.documents[JWKS_URI] = public_set(KEY)
    return fetcher


async def with_jwks_uri(start: StartAuthServer, fetcher: FakeDocumentFetcher) -> Signer:
    harness: AuthServerHarness = await start(fetcher=fetcher)
    client = await harness.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=JWKS_URI)
    return Signer(harness, client["client_id"])


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_keys_at_a_jwks_uri_are_fetched_once_and_again_for_a_new_kid(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    signer = await with_jwks_uri(start_authserver, fetcher)
    new = ECKey.generate_key("P-256", parameters={"kid": "k2"})

    for _ in range(2):
        assert (await signer.send(signer.assertion())).response.status_code == 200
    assert fetcher.asked == [JWKS_URI]
    fetcher.documents[JWKS_URI] = public_set(KEY, new)
    rotated = await signer.send(signer.assertion({"kid": "k2"}, key=new))

    assert rotated.response.status_code == 200
    assert fetcher.asked == [JWKS_URI] * 2


@pytest.mark.slow
@proves("S90", "refuses", "private_key_jwt is checked whole")
async def test_invented_kids_make_few_fetches(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    signer = await with_jwks_uri(start_authserver, fetcher)

    for number in range(20):
        tokens = await signer.send(signer.assertion({"kid": f"invented-{number}"}))
        assert_refused(tokens, signer.harness, "no such key")

    assert len(fetcher.asked) <= 5


@proves("S90", "refuses", "private_key_jwt is checked whole")
@pytest.mark.parametrize("found", [FetchFailed("10.1.2.3 refused"), b"<html>", {"keys": "x"}])
async def test_keys_that_cannot_be_fetched_are_a_fault_that_tells_nothing(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher, found: Any
) -> None:
    fetcher.documents[JWKS_URI] = found
    signer = await with_jwks_uri(start_authserver, fetcher)

    tokens = await signer.send(signer.assertion())

    assert tokens.response.status_code == 503
    assert tokens.response.headers["retry-after"]
    assert tokens.body == {
        "error": "temporarily_unavailable",
        "error_description": "The client's keys could not be fetched. Try again soon.",
    }


@proves("S66", "refuses", "special addresses are refused")
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.0.0.1"])
async def test_keys_inside_the_network_of_the_server_are_not_fetched(
    harness: AuthServerHarness, host: str
) -> None:
    client = await harness.register(
        token_endpoint_auth_method="private_key_jwt", jwks_uri=f"https://{host}/keys"
    )
    signer = Signer(harness, client["client_id"])

    tokens = await signer.send(signer.assertion())

    assert tokens.response.status_code == 503
    assert host not in tokens.response.text


async def test_keys_that_cannot_be_fetched_are_asked_for_by_one_address_a_limited_number_of_times(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    fetcher.documents.clear()
    signer = await with_jwks_uri(start_authserver, fetcher)
    proof = {"client_assertion_type": JWT_BEARER}

    statuses = [
        (
            await signer.harness.token(
                {"grant_type": "x", **proof, "client_assertion": signer.assertion()}
            )
        ).response.status_code
        for _ in range(122)
    ]

    assert statuses == [503] * 120 + [429] * 2
    assert len(fetcher.asked) <= 2


@proves("S90", "accepts", "private_key_jwt is checked whole")
@pytest.mark.parametrize("by_value", [True, False])
async def test_a_client_document_may_name_the_clients_keys(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher, by_value: bool
) -> None:
    keys = {"jwks": public_set(KEY)} if by_value else {"jwks_uri": JWKS_URI}
    fetcher.put(token_endpoint_auth_method="private_key_jwt", **keys)
    harness: AuthServerHarness = await start_authserver(fetcher=fetcher)
    signer = Signer(harness, URL)

    assert (await signer.send(signer.assertion())).response.status_code == 200
    assert_refused(await signer.send(signer.assertion(key=OTHER_KEY)), harness, "wrong signature")


@proves("S90", "accepts", "private_key_jwt is checked whole")
async def test_a_configured_client_introspects_with_its_key(
    start_authserver: StartAuthServer,
) -> None:
    server = ConfiguredClient(
        client_id="mcp-server",
        auth_method="private_key_jwt",
        jwks=public_set(KEY),
        introspects=RESOURCE,
    )
    harness: AuthServerHarness = await start_authserver(clients=(server,))
    client = await harness.register()
    token = (await harness.tokens(client["client_id"])).access
    signer = Signer(harness, "mcp-server")

    response = await harness.http.post(
        harness.url("/introspect"),
        data={
            "token": token,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": signer.assertion(),
        },
    )

    assert response.json()["active"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"auth_method": "private_key_jwt"},
        {"auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"auth_method": "private_key_jwt", "jwks": {"keys": [KEY.as_dict(private=True)]}},
        {"auth_method": "private_key_jwt", "jwks": public_set(KEY), "jwks_uri": JWKS_URI},
        {"auth_method": "private_key_jwt", "jwks_uri": "http://app.example/keys"},
        {"auth_method": "none", "jwks": public_set(KEY)},
    ],
    # Not the values: they have keys, and so would differ in each process.
    ids=["no-keys", "empty", "private", "keys-and-address", "plain-address", "another-method"],
)
def test_a_configured_client_needs_keys_for_this_method_and_no_other(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        AuthServerSettings(
            issuer=ISSUER,
            resources=(Resource(uri=RESOURCE, scopes={}),),
            clients=(ConfiguredClient(client_id="c", redirect_uris=(CALLBACK,), **changes),),
        )

    assert refusal.value.reason == "client-keys"


@proves("S55", "refuses", "client links and key sets")
@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}},
        {"jwks": {"keys": [{**public_set(KEY)["keys"][0], "use": "enc"}]}},
        {"jwks": public_set(*[KEY] * 65)},
        {"jwks": {"keys": [KEY.as_dict(private=True)]}},
        {"jwks": public_set(KEY), "jwks_uri": JWKS_URI},
        {"jwks_uri": "http://app.example/keys"},
        {"jwks": public_set(KEY), "token_endpoint_auth_signing_alg": "HS256"},
        {"jwks": public_set(KEY), "token_endpoint_auth_signing_alg": "none"},
    ],
    ids=[
        "none",
        "empty",
        "short",
        "for-encryption",
        "many",
        "private",
        "both",
        "http",
        "hs",
        "none-alg",
    ],
)
async def test_keys_that_could_never_verify_are_not_registered(
    harness: AuthServerHarness, metadata: dict[str, Any]
) -> None:
    response = await harness.http.post(
        harness.url("/register"),
        json={
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "private_key_jwt",
            **metadata,
        },
    )

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_client_metadata"


@proves("S55", "accepts", "client links and key sets")
async def test_a_registration_answers_with_the_keys_that_it_keeps(
    harness: AuthServerHarness,
) -> None:
    signed = await harness.register(
        token_endpoint_auth_method="private_key_jwt",
        jwks=public_set(KEY),
        token_endpoint_auth_signing_alg="ES256",
    )
    public = await harness.register(jwks=public_set(KEY))

    assert signed["jwks"] == public_set(KEY)
    assert signed["token_endpoint_auth_signing_alg"] == "ES256"
    assert "jwks" not in public
