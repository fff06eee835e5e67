"""A token issuer for tests: it has a key, publishes it and mints access tokens."""

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.compact import encode_segment
from doorward.jose.private_key import PrivateKey, signing_input


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""The value that removes a claim: ``mint.mint(exp=ABSENT)``."""


class TokenMint:
    """
    An issuer for tests: it has a key, and mints good RFC 9068 access tokens with it.

    ```python
    mint = TokenMint(issuer="https://issuer.example", audience="https://mcp.example/mcp")
    token = mint.mint("alice", scopes={"mcp:read", "mcp:tools"})
    expired = mint.mint("alice", exp=0)
    without_subject = mint.mint("alice", sub=ABSENT)
    keys = mint.jwks()  # the published key set: give it to the verifier under test

    algorithm: SigningAlgorithm = "EdDSA"
    other = TokenMint(algorithm=algorithm, key=PrivateKey.generate(algorithm))
    ```

    ``lifetime`` is in seconds. ``clock`` returns seconds since 1970, so that a test can choose the
    time. A key is generated unless you give one.

    Spec: RFC 9068 §2
    """

    def __init__(
        self,
        issuer: str = "https://issuer.example",
        audience: str | Collection[str] = "https://mcp.example/mcp",
        *,
        algorithm: SigningAlgorithm = "ES256",
        key: PrivateKey | None = None,
        client_id: str = "test-client",
        lifetime: int = 600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.client_id = client_id
        self.lifetime = lifetime
        self.clock = clock
        self.key = key or PrivateKey.generate(algorithm)

    def __repr__(self) -> str:
        return f"TokenMint({self.issuer!r}, {self.key!r})"

    def jwks(self) -> dict[str, Any]:
        """Return the key set that this issuer publishes, with public keys only."""
        return {"keys": [self.key.public_jwk()]}

    def claims(
        self,
        subject: str = "alice",
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        audience: str | Collection[str] | None = None,
        **overrides: Any,
    ) -> dict[str, Any]:
        """
        Return the claims of a good token, changed by ``overrides``.

        A claim overridden with ``ABSENT`` is left out.

        Spec: RFC 9068 §2.2
        """
        now = int(self.clock())
        meant = self.audience if audience is None else audience
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject,
            "aud": meant if isinstance(meant, str) else list(meant),
            "client_id": self.client_id,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": secrets.token_urlsafe(12),
            "scope": " ".join(sorted(scopes)),
        }
        if roles:
            claims["roles"] = sorted(roles)
        claims.update(overrides)
        return {name: value for name, value in claims.items() if value is not ABSENT}

    def header(self, **overrides: Any) -> dict[str, Any]:
        """Return the header of a good token, changed by ``overrides``."""
        header = {
            "alg": self.key.algorithm,
            "typ": "at+jwt",
            "kid": self.key.thumbprint,
            **overrides,
        }
        return {name: value for name, value in header.items() if value is not ABSENT}

    def sign(
        self,
        payload: Mapping[str, Any] | bytes,
        header: Mapping[str, Any] | bytes | None = None,
    ) -> str:
        """Return ``payload`` signed with this issuer's key; nothing is checked."""
        message = signing_input(self.header() if header is None else header, payload)
        return f"{message.decode('ascii')}.{encode_segment(self.key.signature(message))}"

    def mint(
        self,
        subject: str = "alice",
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        audience: str | Collection[str] | None = None,
        headers: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> str:
        """
        Return a good access token for ``subject``, or one with the faults that you name.

        ``mint.mint("alice", scopes={"mcp:read"})`` is good; ``mint.mint("alice", exp=0)`` is expired;
        ``headers={"typ": "JWT"}`` changes the header.

        Spec: RFC 9068 §2.1, §2.2
        """
        claims = self.claims(subject, scopes=scopes, roles=roles, audience=audience, **overrides)
        return self.sign(claims, self.header(**(headers or {})))
