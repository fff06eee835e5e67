"""Oracles: published examples, and two libraries that share no code with ours."""

import contextlib
import json
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws as jose_jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from doorward.errors import TokenRejected
from doorward.jose.compact import MalformedJws, decode_segment, split_jws
from doorward.jose.public_key import read_key
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.signer import ALGORITHMS, ISSUER, NOW, RESOURCE, Signer, b64, claims, dumps

# joserfc warns of the name EdDSA, which RFC 9864 retires and every issuer still writes.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

SIGNERS = {kind: Signer(kind) for kind in ALGORITHMS}
TOKENS = {kind: signer.token() for kind, signer in SIGNERS.items()}
JOSE_KEYS = {kind: import_key(signer.jwk) for kind, signer in SIGNERS.items()}
PYJWT_KEYS = {kind: jwt.PyJWK(signer.jwk) for kind, signer in SIGNERS.items()}


def judge(kind: str) -> Verifier:
    signer = SIGNERS[kind]
    trusted = TrustedIssuer(
        issuer=ISSUER,
        audience=RESOURCE,
        algorithms=(signer.alg,),
        keys=LocalKeys(lambda: {"keys": [signer.jwk]}, clock=lambda: NOW),
    )
    return Verifier([trusted], clock=lambda: NOW, cache_ttl=0)


async def we_accept(kind: str, token: bytes) -> bool:
    try:
        await judge(kind).verify(token)
    except TokenRejected:
        return False
    return True


def joserfc_accepts(kind: str, token: bytes) -> bool:
    try:
        lenient = jose_jws.JWSRegistry(algorithms=[SIGNERS[kind].alg], strict_check_header=False)
        found = jose_jws.deserialize_compact(token, JOSE_KEYS[kind], registry=lenient)
        return isinstance(json.loads(found.payload), dict)
    except (JoseError, ValueError):
        return False


def pyjwt_accepts(kind: str, token: bytes) -> bool:
    off = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False)
    try:
        jwt.decode(
            token,
            PYJWT_KEYS[kind],
            algorithms=[SIGNERS[kind].alg],
            audience=RESOURCE,
            issuer=ISSUER,
            options=off,  # type: ignore[arg-type]
        )
    except jwt.PyJWTError:
        return False
    return True


@proves("S125", "accepts", "key confusion")
@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_valid_token_is_accepted_by_both_reference_libraries(kind: str) -> None:
    assert await we_accept(kind, TOKENS[kind])
    assert joserfc_accepts(kind, TOKENS[kind])
    assert pyjwt_accepts(kind, TOKENS[kind])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good token with bytes changed, cut out, put in or doubled somewhere."""
    kind = draw(st.sampled_from(("RS256", "PS256", "ES256", "ES512", "EdDSA", "Ed448")))
    token = bytearray(TOKENS[kind])
    alphabet = st.sampled_from(b"AQgwB-_.=+/ \n{}0az\x00\xff")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(token)))
        how = draw(st.sampled_from(("change", "cut", "add", "double", "end")))
        if how == "change" and at < len(token):
            token[at] = draw(alphabet)
        elif how == "cut":
            del token[at : at + draw(st.integers(1, 40))]
        elif how == "add":
            token[at:at] = bytes([draw(alphabet)])
        elif how == "double":
            token[at:at] = token[at : at + draw(st.integers(1, 40))]
        elif token:
            token[-1] = draw(alphabet)
    return kind, bytes(token)


@proves("S132", "refuses", "strict encodings")
@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
async def test_both_libraries_accept_every_mutated_token_that_we_accept(
    case: tuple[str, bytes],
) -> None:
    kind, token = case
    if await we_accept(kind, token):
        assert joserfc_accepts(kind, token)
        assert pyjwt_accepts(kind, token)
        # And there is one spelling only: nothing but the token itself is accepted.
        assert token == TOKENS[kind]


HEADERS = st.dictionaries(
    st.sampled_from(("alg", "kid", "typ", "crit", "b64", "zip", "cty", "jwk", "x", "enc")),
    st.sampled_from(("ES256", "none", "k1", "at+jwt", "JWT", ["b64"], [], False, True, None, 1)),
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(HEADERS, st.booleans())
async def test_both_libraries_accept_every_unusual_header_that_we_accept(
    header: dict[str, Any], complete: bool
) -> None:
    signer = SIGNERS["ES256"]
    full = {**signer.header(), **header} if complete else header
    token = signer.token(header=full)
    if await we_accept("ES256", token):
        assert joserfc_accepts("ES256", token)
        assert pyjwt_accepts("ES256", token)
        assert full["alg"] == "ES256"


# RFC 7515 appendix A.2, RFC 7515 appendix A.3, RFC 8037 appendix A.4: the text of the RFCs.
A2_KEY = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
    "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2et"
    "hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
PAYLOAD = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
    "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6"
    "_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
    "p0igcN_IoypGlUPQGe77Rw"
)
A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A3_SIGNATURE = (
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
ED_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ED_SIGNATURE = (
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

EXAMPLES = [
    pytest.param(
        "RS256", A2_KEY, f"eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{A2_SIGNATURE}", id="rfc7515-a2"
    ),
    pytest.param(
        "ES256", A3_KEY, f"eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{A3_SIGNATURE}", id="rfc7515-a3"
    ),
    pytest.param(
        "EdDSA",
        ED_KEY,
        f"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.{ED_SIGNATURE}",
        id="rfc8037-a4",
    ),
]


@proves("S125", "accepts", "key confusion")
@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_the_rfc_examples_verify_and_altered_ones_do_not(
    algorithm: str, jwk: dict[str, str], token: str
) -> None:
    key, parts = read_key(jwk), split_jws(token.encode())

    assert key.verify(algorithm, parts.signing_input, parts.signature)
    assert not key.verify(algorithm, parts.signing_input + b"x", parts.signature)
    for position in range(0, len(parts.signature), 7):
        flipped = bytearray(parts.signature)
        flipped[position] ^= 1
        assert not key.verify(algorithm, parts.signing_input, bytes(flipped))
    for other in ALGORITHMS:
        if other != algorithm:
            assert not key.verify(other, parts.signing_input, parts.signature)


ORDER = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize("kind", ["ES256", "ES384"])
@pytest.mark.parametrize(
    "edge", ["r0", "s0", "rn", "sn", "r+n", "swapped", "der", "both1", "long", "short"]
)
def test_a_malformed_or_out_of_range_ecdsa_signature_is_refused(kind: str, edge: str) -> None:
    signer, n = SIGNERS[kind], ORDER[kind]
    half = {"ES256": 32, "ES384": 48}[kind]
    good = signer.sign_bytes(b"message")
    r, s = int.from_bytes(good[:half], "big"), int.from_bytes(good[half:], "big")
    top = 256**half - 1
    pairs = {
        "r0": (0, s),
        "s0": (r, 0),
        "rn": (n, s),
        "sn": (r, n),
        "r+n": (min(r + n, top), s),
        "swapped": (s, r),
        "both1": (1, 1),
        "long": (r, s),
        "short": (r, s),
        "der": (r, s),
    }
    r, s = pairs[edge]
    raw = r.to_bytes(half, "big") + s.to_bytes(half, "big")
    if edge == "long":
        # The same two numbers, written one octet wider: another spelling of one signature.
        raw = raw[:half] + b"\0" + raw[half:]
    if edge == "short":
        raw = raw[1:]
    if edge == "der":
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        raw = encode_dss_signature(r, s)

    assert read_key(signer.jwk).verify(kind, b"message", good)
    assert not read_key(signer.jwk).verify(kind, b"message", raw)


@proves("S125", "refuses", "key confusion")
def test_a_pss_signature_with_another_salt_length_or_hash_is_refused() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    from tests.tokens.signer import rsa_key

    key = read_key(SIGNERS["PS256"].jwk)
    for length, fits in ((32, True), (0, False), (20, False), (48, False)):
        how = padding.PSS(padding.MGF1(hashes.SHA256()), length)
        signature = rsa_key().sign(b"message", how, hashes.SHA256())
        assert key.verify("PS256", b"message", signature) is fits
    mixed = padding.PSS(padding.MGF1(hashes.SHA1()), 32)
    signature = rsa_key().sign(b"message", mixed, hashes.SHA256())
    assert not key.verify("PS256", b"message", signature)


@proves("S132", "refuses", "strict encodings")
@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(1, 63))
def test_a_non_canonical_base64url_spelling_is_refused(data: bytes, flip: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    good = b64(data)
    other = good[:-1] + alphabet[alphabet.index(good[-1]) ^ flip]
    with contextlib.suppress(MalformedJws):
        assert decode_segment(other.encode()) != data


def test_the_payload_equals_the_signed_bytes() -> None:
    payload = dumps(claims(name="Ünïcode ☃"))
    assert split_jws(SIGNERS["ES256"].token(payload)).payload == payload
