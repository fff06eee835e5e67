"""A verifier that asks one issuer about opaque tokens."""

from typing import Any

from doorward.net import FetchFailed, FetchResponse
from doorward.tokens import CredentialVerifier, OpaqueIssuer
from tests.tokens.asked import Asked, active, answer, opaque
from tests.tokens.clock import Time


def judge(
    said: Any = None, *, issuer: OpaqueIssuer | None = None, **options: Any
) -> tuple[CredentialVerifier, Asked]:
    """Return a verifier, and the issuer that it asks; ``said`` is a body or a whole answer."""
    body = active() if said is None else said
    asked = Asked(
        lambda _url: body if isinstance(body, FetchResponse | FetchFailed) else answer(body)
    )
    given = {"clock": Time(), "fetcher": asked, **options}
    return CredentialVerifier([issuer or opaque()], **given), asked
