"""DPoP: proofs, and the nonces of both servers."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from doorward.client import PrivateKey, SignInFailed, SignInNeeded, TokenStore
from doorward.client.oauth.dpop import DpopProver
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


class Bound:
    """Makes a fake issuer give and take tokens that are bound to a key, with or without nonces."""

    def __init__(self, fake_issuer: FakeIssuer, *, nonces: bool = False) -> None:
        self.fake_issuer, self.nonces = fake_issuer, nonces
        self.token_proofs: list[Any] = []
        self.proofs: list[Any] = []
        self.keys: dict[str, str] = {}
        fake_issuer.metadata["dpop_signing_alg_values_supported"] = ["ES256"]
        fake_issuer.resource["dpop_bound_access_tokens_required"] = True
        fake_issuer.routes[f"{ISSUER}/token"] = self._token
        fake_issuer.routes[SERVER] = self._server

    def read(self, request: httpx2.Request) -> tuple[Any, str]:
        """Return the verified claims of a proof, and the thumbprint of its key."""
        (proof,) = request.headers.get_list("dpop")
        header = jws.extract_compact(proof.encode()).headers()
        assert header["typ"] == "dpop+jwt"
        assert "d" not in header["jwk"]
        key = ECKey.import_key(header["jwk"])
        return jwt.decode(proof, key, algorithms=["ES256"]).claims, key.thumbprint()

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        claims, thumbprint = self.read(request)
        self.token_proofs.append(claims)
        if self.nonces and claims.get("nonce") != "as-1":
            return httpx2.Response(
                400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "as-1"}
            )
        form = dict(parse_qsl(request.content.decode()))
        scopes = frozenset({"mcp:read"})
        if form["grant_type"] == "refresh_token":
            assert self.keys.pop(form["refresh_token"]) == thumbprint
        answer = self.fake_issuer._issue(scopes).json() | {"token_type": "DPoP"}
        self.keys |= {answer["access_token"]: thumbprint, answer["refresh_token"]: thumbprint}
        return httpx2.Response(200, json=answer)

    def _server(self, request: httpx2.Request) -> httpx2.Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if token not in self.fake_issuer.live:
            return httpx2.Response(
                401, headers={"WWW-Authenticate": f'DPoP resource_metadata="{METADATA}"'}
            )
        assert scheme == "DPoP"
        claims, thumbprint = self.read(request)
        self.proofs.append(claims)
        digest = hashlib.sha256(token.encode()).digest()
        assert claims["ath"] == urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert self.keys[token] == thumbprint
        if self.nonces and claims.get("nonce") != "rs-1":
            return httpx2.Response(
                401,
                headers={
                    "WWW-Authenticate": 'DPoP error="use_dpop_nonce"',
                    "DPoP-Nonce": "rs-1",
                },
            )
        del self.fake_issuer.routes[SERVER]
        try:
            plain = httpx2.Request(
                "POST",
                SERVER,
                headers={**request.headers, "authorization": f"Bearer {token}"},
                content=request.content,
            )
            return self.fake_issuer._mcp(plain)
        finally:
            self.fake_issuer.routes[SERVER] = self._server


async def test_a_token_is_dpop_bound_when_both_servers_support_it(
    open_client: Open, fake_issuer: FakeIssuer, token_store: TokenStore
) -> None:
    bound = Bound(fake_issuer)

    async with open_client() as connection:
        await connection.client.list_tools()
        await connection.client.list_tools()

    assert [claims["htu"] for claims in bound.token_proofs] == [f"{ISSUER}/token"]
    assert [claims["htu"] for claims in bound.proofs] == [SERVER, SERVER]
    assert {claims["htm"] for claims in bound.proofs} == {"POST"}
    assert len({claims["jti"] for claims in bound.proofs}) == 2
    tokens = token_store.tokens_for(SERVER)
    assert tokens is not None
    assert "PRIVATE" in (tokens.proof_key or "")
    assert "PRIVATE" not in repr(tokens)


async def test_each_server_gets_its_own_dpop_nonce(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    bound = Bound(fake_issuer, nonces=True)

    async with open_client() as connection:
        for _ in range(2):
            await connection.client.list_tools()

    assert [claims.get("nonce") for claims in bound.token_proofs] == [None, "as-1"]
    assert [claims.get("nonce") for claims in bound.proofs] == [None, "rs-1", "rs-1"]
    assert len({claims["jti"] for claims in bound.proofs}) == 3
    assert len(fake_issuer.authorizations) == 1


async def test_the_dpop_key_survives_a_refresh_and_a_restart(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    bound = Bound(fake_issuer)
    async with open_client() as connection:
        await connection.client.list_tools()
    clock.now += 4000
    async with open_client(interactive=False) as connection:
        await connection.client.list_tools()

    assert len(bound.token_proofs) == 2
    assert len(bound.proofs) == 2
    assert len(fake_issuer.authorizations) == 1


@pytest.mark.parametrize("place", ["issuer", "server"])
async def test_endless_nonce_challenges_stop_after_a_few_attempts(
    open_client: Open, fake_issuer: FakeIssuer, place: str
) -> None:
    Bound(fake_issuer)
    count = iter(range(1000))

    def greedy(_: httpx2.Request) -> httpx2.Response:
        headers = {
            "DPoP-Nonce": f"n{next(count)}",
            "WWW-Authenticate": f'DPoP error="use_dpop_nonce", resource_metadata="{METADATA}"',
        }
        status = 400 if place == "issuer" else 401
        return httpx2.Response(status, json={"error": "use_dpop_nonce"}, headers=headers)

    async with open_client() as connection:
        if place == "server":
            await connection.log_in()
        fake_issuer.routes[f"{ISSUER}/token" if place == "issuer" else SERVER] = greedy
        if place == "issuer":
            fake_issuer.live.clear()
        with pytest.raises(SignInFailed if place == "issuer" else SignInNeeded):
            await connection.client.list_tools()

    assert next(count) <= 5


async def test_a_bearer_token_is_accepted_although_a_proof_was_sent(
    open_client: Open, fake_issuer: FakeIssuer, token_store: TokenStore
) -> None:
    Bound(fake_issuer)
    fake_issuer.routes[f"{ISSUER}/token"] = lambda _: fake_issuer._issue(frozenset({"mcp:read"}))
    del fake_issuer.routes[SERVER]

    async with open_client() as connection:
        await connection.client.list_tools()

    tokens = token_store.tokens_for(SERVER)
    assert tokens is not None
    assert tokens.proof_key is None


async def test_a_dpop_token_that_was_not_requested_is_refused(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.token = lambda document: {**document, "token_type": "DPoP"}

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "malformed-token-response"


@pytest.mark.parametrize(
    ("issuer_can", "server_can"), [(True, False), (False, True)], ids=["issuer", "server"]
)
async def test_no_proof_is_sent_when_only_one_server_supports_dpop(
    open_client: Open, fake_issuer: FakeIssuer, issuer_can: bool, server_can: bool
) -> None:
    if issuer_can:
        fake_issuer.metadata["dpop_signing_alg_values_supported"] = ["ES256"]
    if server_can:
        fake_issuer.resource["dpop_signing_alg_values_supported"] = ["ES256"]

    async with open_client() as connection:
        await connection.client.list_tools()

    assert not any("dpop" in request.headers for request in fake_issuer.asked)


def test_the_htu_claim_has_no_query_and_no_fragment(clock: Clock) -> None:
    prover = DpopProver(PrivateKey.generate(), clock)

    proof = prover.proof("GET", "https://mcp.example/mcp?a=b#c")

    key = ECKey.import_key(prover.key.public_jwk())
    claims = jwt.decode(proof, key, algorithms=["ES256"]).claims
    assert claims["htu"] == SERVER
    assert claims["iat"] == clock.now


def test_a_nonce_is_used_only_for_the_server_that_issued_it(clock: Clock) -> None:
    prover = DpopProver(PrivateKey.generate(), clock)
    key = ECKey.import_key(prover.key.public_jwk())

    assert prover.learn(SERVER, httpx2.Headers({"DPoP-Nonce": "n"}))
    assert not prover.learn(SERVER, httpx2.Headers({"DPoP-Nonce": "n"}))
    assert not prover.learn(SERVER, httpx2.Headers({"DPoP-Nonce": "n" * 5000}))

    elsewhere = prover.proof("POST", f"{ISSUER}/token")
    assert "nonce" not in jwt.decode(elsewhere, key, algorithms=["ES256"]).claims
