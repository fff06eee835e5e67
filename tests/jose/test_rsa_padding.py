"""RSA signatures with almost correct padding, from published attacks."""

from hashlib import sha1, sha256, sha384, sha512

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from doorward.jose.public_key import read_key
from tests.ledger import proves
from tests.tokens.signer import Signer, rsa_key

MESSAGE = b"header.payload"
# RFC 8017 §9.2 note 1, written out once more by hand.
SHA256_INFO = bytes.fromhex("30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20")
SHA384_INFO = bytes.fromhex("30 41 30 0d 06 09 60 86 48 01 65 03 04 02 02 05 00 04 30")
SHA512_INFO = bytes.fromhex("30 51 30 0d 06 09 60 86 48 01 65 03 04 02 03 05 00 04 40")
SHA1_INFO = bytes.fromhex("30 21 30 09 06 05 2b 0e 03 02 1a 05 00 04 14")
WITHOUT_NULL = bytes.fromhex("30 2f 30 0b 06 09 60 86 48 01 65 03 04 02 01 04 20")
DIGEST = sha256(MESSAGE).digest()
GOOD = SHA256_INFO + DIGEST
SIZE = 256


def block(content: bytes, *, kind: bytes = b"\x01", filled: int | None = None) -> bytes:
    """Return what is signed: ``filled`` bytes of padding, or as many as there is room for."""
    fill = SIZE - 3 - len(content) if filled is None else filled
    return (b"\0" + kind + b"\xff" * fill + b"\0" + content).ljust(SIZE, b"\0")


def sign(padded: bytes) -> bytes:
    """Return the signature that, raised to the public exponent, gives ``padded``."""
    numbers = rsa_key().private_numbers()
    n = numbers.public_numbers.n
    return pow(int.from_bytes(padded, "big"), numbers.d, n).to_bytes(SIZE, "big")


@proves("S125", "accepts", "key confusion")
@pytest.mark.parametrize(
    ("algorithm", "info", "digest"),
    [
        ("RS256", SHA256_INFO, sha256),
        ("RS384", SHA384_INFO, sha384),
        ("RS512", SHA512_INFO, sha512),
    ],
)
def test_a_signature_with_standard_padding_is_accepted(
    algorithm: str, info: bytes, digest: type
) -> None:
    key = read_key(Signer(algorithm).jwk)

    assert key.verify(algorithm, MESSAGE, sign(block(info + digest(MESSAGE).digest())))
    others = {"RS256", "RS384", "RS512"} - {algorithm}
    for other in others:
        assert not key.verify(other, MESSAGE, sign(block(info + digest(MESSAGE).digest())))


FORGED = {
    "another message": block(SHA256_INFO + sha256(b"other").digest()),
    "a weaker hash": block(SHA1_INFO + sha1(MESSAGE).digest()),
    "another hash under this name": block(SHA384_INFO + sha384(MESSAGE).digest()),
    "no name of the hash": block(DIGEST),
    "no parameters of the hash": block(WITHOUT_NULL + DIGEST),
    "bytes behind the digest": block(GOOD + b"\0"),
    "bytes behind it, and little padding": block(GOOD, filled=8),
    "the bytes behind it all set": block(GOOD, filled=8)[: 8 + 3 + len(GOOD)].ljust(SIZE, b"\xff"),
    "no padding at all": block(GOOD, filled=0),
    "a hole in the padding": block(GOOD).replace(b"\xff\xff\xff\xff", b"\xff\xfe\xff\xff", 1),
    "the padding of encryption": block(GOOD, kind=b"\x02"),
    "no kind of padding": block(GOOD, kind=b"\x00"),
    "the digest cut short": block(GOOD[:-1]),
    "nothing": b"\0" * SIZE,
    "one": b"\0" * (SIZE - 1) + b"\x01",
}


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize("padded", FORGED.values(), ids=FORGED)
def test_a_signature_with_other_padding_is_refused_by_us_and_by_the_library(padded: bytes) -> None:
    forged = sign(padded)

    assert not read_key(Signer("RS256").jwk).verify("RS256", MESSAGE, forged)
    with pytest.raises(InvalidSignature):
        rsa_key().public_key().verify(forged, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


@proves("S125", "refuses", "key confusion")
def test_another_number_or_length_for_the_same_signature_is_refused() -> None:
    key, good = read_key(Signer("RS256").jwk), sign(block(GOOD))
    n = rsa_key().public_key().public_numbers().n
    number = int.from_bytes(good, "big")
    spellings = [b"\0" + good, good + b"\0", good[1:], good[:-1], b""]
    spellings.append((number + n).to_bytes(SIZE + 1, "big"))
    if number + n < 1 << (8 * SIZE):
        spellings.append((number + n).to_bytes(SIZE, "big"))
    spellings.append((n - number).to_bytes(SIZE, "big"))

    assert key.verify("RS256", MESSAGE, good)
    for other in spellings:
        assert not key.verify("RS256", MESSAGE, other)
