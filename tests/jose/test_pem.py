"""Public keys in PEM files, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from doorward.errors import ConfigurationError
from doorward.jose.pem import read_public_pem
from doorward.testing import PrivateKey, SigningAlgorithm

NOW = 1_800_000_000.0


def certificate(days: int) -> tuple[PrivateKey, bytes]:
    """Return a key and a certificate of it that ends ``days`` after ``NOW``, and began a year before."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = datetime.fromtimestamp(NOW, UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=days))
        .sign(private, hashes.SHA256())
    )
    return PrivateKey(private), signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_in_pem_is_read_as_its_jwk(algorithm: SigningAlgorithm) -> None:
    key = PrivateKey.generate(algorithm)

    assert read_public_pem(key.public_pem()) == key.public_jwk()


def test_a_certificate_is_read_while_it_is_valid() -> None:
    key, pem = certificate(days=1)

    assert read_public_pem(pem, now=NOW) == key.public_jwk()


@pytest.mark.parametrize(("days", "now"), [(-1, NOW), (1, NOW - 400 * 86400)])
def test_an_expired_or_not_yet_valid_certificate_is_refused(days: int, now: float) -> None:
    _, pem = certificate(days)

    with pytest.raises(ConfigurationError) as refusal:
        read_public_pem(pem, now=now)

    assert refusal.value.reason == "expired-key"
    assert "2027-01-1" in refusal.value.problem or "2026-01-15" in refusal.value.problem


def small() -> bytes:
    return public(rsa.generate_private_key(65537, 1024))


def on_another_curve() -> bytes:
    return public(ec.generate_private_key(ec.SECP384R1()))


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda: PrivateKey.generate().to_pem(), "private-key-given", id="private"),
        pytest.param(lambda: b"", "unreadable-key", id="nothing"),
        pytest.param(lambda: b"\x00\xff", "unreadable-key", id="bytes"),
        pytest.param(
            lambda: b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            "unreadable-key",
            id="broken-certificate",
        ),
        pytest.param(small, "unsuitable-key", id="small"),
        pytest.param(on_another_curve, "unsuitable-key", id="another-curve"),
    ],
)
def test_a_pem_without_a_suitable_public_key_is_refused(
    make: Callable[[], bytes], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_public_pem(make())

    assert refusal.value.reason == reason
