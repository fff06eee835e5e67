"""PKCE in the one form that is allowed: S256."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.oauth import pkce
from tests.ledger import proves

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def opens(verifier: str, challenge: str) -> bool:
    """Decide as the token endpoint does, which looks the challenge of the verifier up."""
    return pkce.is_verifier(verifier) and pkce.challenge_of(verifier) == challenge


def test_the_example_of_the_rfc_is_reproduced() -> None:
    assert pkce.challenge_of(VERIFIER) == CHALLENGE


@proves("S87", "accepts", "verifier syntax")
@pytest.mark.parametrize("verifier", [VERIFIER, "a" * 43, "~._-" * 32])
def test_a_verifier_matches_its_own_challenge(verifier: str) -> None:
    assert opens(verifier, pkce.challenge_of(verifier))


@proves("S87", "refuses", "verifier syntax")
@pytest.mark.parametrize(
    "verifier",
    [
        pytest.param("a" * 42, id="too-short"),
        pytest.param("a" * 129, id="too-long"),
        pytest.param("a" * 42 + "+", id="plus"),
        pytest.param("a" * 42 + "=", id="padding"),
        pytest.param("a" * 42 + "ü", id="not-ascii"),
        pytest.param("a" * 43 + "\n", id="line-break-at-the-end"),
        pytest.param("", id="empty"),
    ],
)
def test_a_malformed_verifier_matches_no_challenge(verifier: str) -> None:
    assert not pkce.is_verifier(verifier)
    assert not opens(verifier, CHALLENGE)


def test_the_challenge_is_not_its_own_verifier() -> None:
    # What a server that reads an absent method as "plain" would accept.
    assert not opens(CHALLENGE, CHALLENGE)


@proves("S18", "refuses", "a challenge has 43 characters")
@pytest.mark.parametrize(
    "challenge",
    ["", "a", "a" * 42, "a" * 44, CHALLENGE + "=", CHALLENGE[:-1] + "+", CHALLENGE + "\n"],
)
def test_anything_but_43_characters_of_base64url_is_not_a_challenge(challenge: str) -> None:
    assert not pkce.is_challenge(challenge)


@proves("S18", "accepts", "a challenge has 43 characters")
@given(st.text(alphabet="abcXYZ019-._~", min_size=43, max_size=128))
def test_every_verifier_has_a_well_formed_challenge(verifier: str) -> None:
    challenge = pkce.challenge_of(verifier)

    assert pkce.is_challenge(challenge)
    assert opens(verifier, challenge)
    assert not opens(verifier[::-1] + "x", challenge) or verifier[::-1] + "x" == verifier
