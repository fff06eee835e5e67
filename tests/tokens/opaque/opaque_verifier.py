"""A verifier that asks one issuer about opaque tokens."""

from typing import Any

from doorward.net import FetchFailed, FetchResponse
from doorward.tokens import CredentialVerifier, OpaqueIssuer
from tests.tokens.clock import FakeClock
from tests.tokens.stub_issuer import StubIssuer, active, answer, opaque


def opaque_verifier(
    said: Any = None, *, issuer: OpaqueIssuer | None = None, **options: Any
) -> tuple[CredentialVerifier, StubIssuer]:
    """Return a verifier, and the issuer that it asks; ``said`` is a body or a whole answer."""
    body = active() if said is None else said
    stub = StubIssuer(
        lambda _url: body if isinstance(body, FetchResponse | FetchFailed) else answer(body)
    )
    given = {"clock": FakeClock(), "fetcher": stub, **options}
    return CredentialVerifier([issuer or opaque()], **given), stub
