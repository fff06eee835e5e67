"""Bad tokens by name: each is a good token with exactly one fault."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from doorward.jose.compact import encode_segment
from doorward.jose.private_key import PrivateKey, signing_input
from doorward.testing.mint import ABSENT, TokenMint


@dataclass(frozen=True)
class BadToken:
    """
    A token that every resource server must refuse with 401 ``invalid_token``.

    ```python
    @pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
    async def test_my_server_refuses(bad: BadToken) -> None:
        async with ServerUnderTest(app, LocalProvider(guard)) as running:
            answer = await running.answer_to(running.bad_token(bad.name))
        assert answer.status_code == 401
    ```

    ``attack`` says what happens on a server that accepts it. ``make`` takes the mint that the server
    trusts.

    Spec: RFC 6750 §3.1; RFC 8725
    """

    name: str
    attack: str
    make: Callable[[TokenMint], str]

    def __str__(self) -> str:
        return self.name


def _with(**claims: Any) -> Callable[[TokenMint], str]:
    return lambda mint: mint.mint(**claims)


def _headed(**headers: Any) -> Callable[[TokenMint], str]:
    return lambda mint: mint.mint(headers=headers)


def _expired(mint: TokenMint) -> str:
    return mint.mint(iat=int(mint.clock()) - 7200, exp=int(mint.clock()) - 3600)


def _not_yet_valid(mint: TokenMint) -> str:
    return mint.mint(nbf=int(mint.clock()) + 3600)


def _endless(mint: TokenMint) -> str:
    return mint.mint(exp=int(mint.clock()) + 50 * 365 * 86400)


def _exp_as_text(mint: TokenMint) -> str:
    return mint.mint(exp=str(int(mint.clock()) + 600))


def _exp_not_a_number(mint: TokenMint) -> str:
    claims = json.dumps(mint.claims(exp=float("nan")))
    return mint.sign(claims.encode())


def _audience_is_a_prefix(mint: TokenMint) -> str:
    meant = mint.audience if isinstance(mint.audience, str) else next(iter(mint.audience))
    return mint.mint(audience=meant + "-admin")


def _unsigned(mint: TokenMint) -> str:
    return signing_input(mint.header(alg="none"), mint.claims()).decode() + "."


def _unsigned_in_disguise(mint: TokenMint) -> str:
    return signing_input(mint.header(alg="nOnE"), mint.claims()).decode() + "."


def _hmac_with_the_public_key(mint: TokenMint) -> str:
    message = signing_input(mint.header(alg="HS256"), mint.claims())
    signature = hmac.new(mint.key.public_pem(), message, hashlib.sha256).digest()
    return f"{message.decode()}.{encode_segment(signature)}"


def _signature_of_another_key(mint: TokenMint) -> str:
    thief = PrivateKey.generate(mint.key.algorithm)
    message = signing_input(mint.header(), mint.claims())
    return f"{message.decode()}.{encode_segment(thief.signature(message))}"


def _key_brought_along(mint: TokenMint) -> str:
    thief = PrivateKey.generate(mint.key.algorithm)
    message = signing_input(
        mint.header(kid=thief.thumbprint, jwk=thief.public_jwk()), mint.claims()
    )
    return f"{message.decode()}.{encode_segment(thief.signature(message))}"


def _signature_cut_off(mint: TokenMint) -> str:
    return mint.mint().rpartition(".")[0] + "."


def _payload_swapped(mint: TokenMint) -> str:
    header, _, signature = mint.mint().split(".")
    richer = (
        signing_input(b"", mint.claims("admin", scopes={"mcp:admin"})).decode().rpartition(".")[2]
    )
    return f"{header}.{richer}.{signature}"


def _zero_signature(mint: TokenMint) -> str:
    # r = s = 0 satisfied a verifier that forgot to check the range (CVE-2022-21449).
    return mint.mint().rpartition(".")[0] + "." + encode_segment(bytes(64))


def _id_token(mint: TokenMint) -> str:
    claims = mint.claims(nonce="n-0S6_WzA2Mj", at_hash="77QmUPtjPfzWtF2AnpK9RQ", scope=ABSENT)
    return mint.sign(claims, mint.header(typ="JWT"))


def _duplicate_member(mint: TokenMint) -> str:
    honest = json.dumps(mint.claims(scopes={"mcp:read"}))
    return mint.sign((honest[:-1] + ', "scope": "mcp:admin"}').encode())


def _duplicate_header(mint: TokenMint) -> str:
    honest = json.dumps(mint.header())
    return mint.sign(mint.claims(), (honest[:-1] + ', "alg": "none"}').encode())


def _padded(mint: TokenMint) -> str:
    return mint.mint() + "="


def _four_parts(mint: TokenMint) -> str:
    return mint.mint() + ".e30"


BAD_TOKENS: tuple[BadToken, ...] = (
    BadToken("expired", "a stolen token works for ever", _expired),
    BadToken("not-yet-valid", "a token is used before its time", _not_yet_valid),
    BadToken("endless", "a token that lives for fifty years", _endless),
    BadToken("missing-exp", "a token that never ends", _with(exp=ABSENT)),
    BadToken("exp-as-text", "a date that compares as text", _exp_as_text),
    BadToken("exp-not-a-number", "every comparison with NaN is false", _exp_not_a_number),
    BadToken(
        "wrong-audience",
        "another server replays the token here",
        _with(audience="https://other.example/mcp"),
    ),
    BadToken("audience-is-a-prefix", "a substring test passes for equality", _audience_is_a_prefix),
    BadToken("missing-audience", "a token for nobody is for everybody", _with(aud=ABSENT)),
    BadToken("empty-audience", "an empty list is read as no restriction", _with(aud=[])),
    BadToken(
        "wrong-issuer", "anybody who can sign is an issuer", _with(iss="https://evil.example")
    ),
    BadToken("missing-issuer", "no issuer is read as ours", _with(iss=ABSENT)),
    BadToken("missing-subject", "a token without a user", _with(sub=ABSENT)),
    BadToken("subject-not-text", "a user called 1 and a user called '1'", _with(sub=1)),
    BadToken("unsigned", "alg none: anybody writes tokens", _unsigned),
    BadToken("unsigned-in-disguise", "alg nOnE slips past a deny-list", _unsigned_in_disguise),
    BadToken(
        "hmac-with-the-public-key",
        "the public key used as a shared secret",
        _hmac_with_the_public_key,
    ),
    BadToken("signature-of-another-key", "any key will do", _signature_of_another_key),
    BadToken("key-brought-along", "the token says which key to trust", _key_brought_along),
    BadToken("unknown-kid", "a key that nobody published", _headed(kid="no-such-key")),
    BadToken("signature-cut-off", "an empty signature passes", _signature_cut_off),
    BadToken("zero-signature", "r and s are both zero", _zero_signature),
    BadToken("payload-swapped", "the claims are not what was signed", _payload_swapped),
    BadToken("id-token", "an ID token is spent as an access token", _id_token),
    BadToken(
        "logout-token", "a logout token is spent as an access token", _headed(typ="logout+jwt")
    ),
    BadToken("dpop-proof", "a DPoP proof is spent as an access token", _headed(typ="dpop+jwt")),
    BadToken(
        "unknown-critical-header",
        "an extension that must be understood is ignored",
        _headed(crit=["exp2"], exp2=1),
    ),
    BadToken("duplicate-member", "two readers see two scopes", _duplicate_member),
    BadToken("duplicate-header", "two readers see two algorithms", _duplicate_header),
    BadToken("padded", "one token has many spellings", _padded),
    BadToken("four-parts", "what follows the signature is not signed", _four_parts),
)
"""All bad tokens."""


def bad_token(name: str, mint: TokenMint) -> str:
    """
    Return the bad token called ``name``, made with the issuer ``mint``.

    ```python
    expired = bad_token("expired", mint)
    ```

    ``bad_token("expired", mint)`` is genuine and expired.

    Raises:
        KeyError: no bad token has this name; the message lists all names.
    """
    by_name = {bad.name: bad for bad in BAD_TOKENS}
    if name not in by_name:
        raise KeyError(f"no bad token is called {name!r}; choose one of {', '.join(by_name)}")
    return by_name[name].make(mint)
