"""A signing key with a certificate, as Microsoft Entra requires."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from doorward.errors import ConfigurationError
from doorward.jose.compact import encode_segment
from doorward.net.client_authentication import Signer


class CertifiedKey:
    """
    ``key`` with the certificate in ``pem``, which its assertions name by ``x5t#S256``.

    ```python
    key = CertifiedKey(
        PrivateKey.from_pem(Path("key.pem").read_bytes()), Path("certificate.pem").read_bytes()
    )
    graph = OnBehalfOf(
        tenant="72f988bf-86f1-41af-91ab-2d7cd011db47",
        client_id="28461234-5678-90ab-cdef-1234567890ab",
        private_key=key,
        scopes={"User.Read"},
    )
    ```

    Raises:
        ConfigurationError: ``unreadable-certificate``.

    Spec: RFC 7515 §4.1.8
    """

    def __init__(self, key: Signer, pem: bytes) -> None:
        try:
            certificate = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        except ValueError:
            raise ConfigurationError(
                "unreadable-certificate",
                "The certificate is not in PEM form.",
                "Give a file that begins with -----BEGIN CERTIFICATE-----.",
            ) from None
        self.thumbprint = encode_segment(sha256(certificate).digest())
        self._key = key

    def __repr__(self) -> str:
        return f"CertifiedKey({self.thumbprint!r})"

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return a compact JWS of ``claims`` whose header names the certificate."""
        named = {name: value for name, value in header.items() if name != "kid"}
        return self._key.sign({**named, "x5t#S256": self.thumbprint}, claims)
