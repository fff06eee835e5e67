"""The verifier refuses every bad token, and accepts the good one."""

import pytest

from doorward.errors import TokenRejected
from doorward.testing import BAD_TOKENS, BadToken, TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier

AUDIENCE = "https://mcp.example/mcp"


@pytest.fixture
def mint() -> TokenMint:
    return TokenMint(audience=AUDIENCE, clock=lambda: 1_800_000_000.0)


@pytest.fixture
async def verifier(mint: TokenMint) -> Verifier:
    made = Verifier(
        [
            TrustedIssuer(
                issuer=mint.issuer,
                audience=AUDIENCE,
                algorithms=(mint.key.algorithm,),
                keys=LocalKeys(mint.jwks, clock=mint.clock),
            )
        ],
        clock=mint.clock,
    )
    await made.start()
    return made


async def test_the_good_token_is_taken(mint: TokenMint, verifier: Verifier) -> None:
    token = mint.mint("alice", scopes={"mcp:read"}, roles={"user"})

    identity = await verifier.verify(token.encode())

    assert identity.subject == "alice"
    assert identity.scopes == frozenset({"mcp:read"})
    assert identity.roles == frozenset({"user"})


@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
async def test_a_bad_token_is_not(mint: TokenMint, verifier: Verifier, bad: BadToken) -> None:
    with pytest.raises(TokenRejected):
        await verifier.verify(bad.make(mint).encode())
