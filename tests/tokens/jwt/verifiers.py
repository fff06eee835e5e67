"""A verifier that trusts one issuer."""

from collections.abc import Callable
from typing import Any

from doorward.identity import Identity
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from tests.tokens.clock import FakeClock
from tests.tokens.signer import ISSUER, RESOURCE, Signer


async def come_twice(verifier: Verifier, token: bytes) -> Identity:
    """Verify a token as often as it takes to be remembered."""
    await verifier.verify(token)
    return await verifier.verify(token)


def keys(*jwks: dict[str, Any], clock: Callable[[], float] | None = None) -> LocalKeys:
    return LocalKeys(lambda: {"keys": list(jwks)}, clock=clock or FakeClock())


def make_verifier(
    signer: Signer, *jwks: dict[str, Any], algorithms: tuple[str, ...] = (), **options: Any
) -> Verifier:
    trusted = TrustedIssuer(
        issuer=ISSUER,
        audience=RESOURCE,
        algorithms=algorithms or (signer.alg,),
        keys=keys(*(jwks or (signer.jwk,))),
    )
    return Verifier([trusted], **{"clock": FakeClock(), **options})
