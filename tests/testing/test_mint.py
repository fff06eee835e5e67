"""Tokens of the mint, verified with PyJWT, which shares no code with it."""

from typing import Any, get_args

import jwt
import pytest

from doorward.errors import ConfigurationError
from doorward.testing import ABSENT, BAD_TOKENS, PrivateKey, SigningAlgorithm, TokenMint, bad_token

AUDIENCE = "https://mcp.example/mcp"
ALGORITHMS = get_args(SigningAlgorithm)


def oracle(mint: TokenMint, token: str) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(mint.jwks()).keys}
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[header["kid"]],
        algorithms=[mint.key.algorithm],
        audience=AUDIENCE,
        issuer=mint.issuer,
        options={"require": ["exp", "iat", "sub", "aud", "iss", "jti", "client_id"]},
    )
    return claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_minted_token_is_a_good_rfc_9068_token(algorithm: SigningAlgorithm) -> None:
    mint = TokenMint(algorithm=algorithm)

    token = mint.mint("alice", scopes={"mcp:tools", "mcp:read"}, roles={"user"})

    claims = oracle(mint, token)
    assert (claims["sub"], claims["scope"], claims["roles"]) == (
        "alice",
        "mcp:read mcp:tools",
        ["user"],
    )
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_published_key_set_has_no_private_member(algorithm: SigningAlgorithm) -> None:
    (key,) = TokenMint(algorithm=algorithm).jwks()["keys"]

    assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    assert (key["use"], key["alg"]) == ("sig", algorithm)
    assert key["kid"]


def test_a_claim_can_be_replaced_or_removed() -> None:
    mint = TokenMint(clock=lambda: 1_800_000_000.0)

    claims = mint.claims(exp=5, sub=ABSENT)

    assert claims["exp"] == 5
    assert "sub" not in claims
    assert claims["iat"] == 1_800_000_000


def test_a_key_survives_its_pem_form() -> None:
    key = PrivateKey.generate("EdDSA")

    again = PrivateKey.from_pem(key.to_pem())

    assert again.public_jwk() == key.public_jwk()


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        pytest.param(b"not a key", "unreadable-key", id="noise"),
        pytest.param(PrivateKey.generate().public_pem(), "unreadable-key", id="public-half"),
    ],
)
def test_what_is_no_private_key_is_refused(pem: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        PrivateKey.from_pem(pem)

    assert refusal.value.reason == reason


def test_a_key_never_shows_itself() -> None:
    key = PrivateKey.generate()

    assert "PRIVATE" not in repr(key)
    assert "PRIVATE" not in repr(TokenMint(key=key))


# PyJWT does not look at typ or at how long a token lives, reads text as a date, and keeps the last
# of two equal members; the room `tokens` is tested against these names in its own tests.
BEYOND_THE_ORACLE = {
    "endless",
    "exp-as-text",
    "id-token",
    "logout-token",
    "dpop-proof",
    "duplicate-member",
}


@pytest.mark.parametrize(
    "bad", [bad for bad in BAD_TOKENS if bad.name not in BEYOND_THE_ORACLE], ids=str
)
def test_a_bad_token_is_refused_by_an_oracle(bad: Any) -> None:
    mint = TokenMint(audience=AUDIENCE)

    with pytest.raises((jwt.PyJWTError, KeyError, ValueError)):
        oracle(mint, bad.make(mint))


def test_bad_tokens_have_names_of_their_own() -> None:
    names = [bad.name for bad in BAD_TOKENS]

    assert len(set(names)) == len(names)
    with pytest.raises(KeyError, match="expired"):
        bad_token("no-such-token", TokenMint())
