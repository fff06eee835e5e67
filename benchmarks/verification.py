"""What one verification costs beside the signature check in it, in thread CPU time."""

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from joserfc import jwk
from joserfc import jwt as jose
from joserfc.errors import SecurityWarning
from jwt.utils import base64url_decode

from benchmarks.mint import ALGORITHMS, Mint
from benchmarks.scene import ISSUER, RESOURCE
from doorward.tokens import TrustedIssuer, Verifier

RAW = "signature check alone (cryptography)"
COLD = "**doorward**, token not seen before"
CACHED = "**doorward**, token seen before"
PYJWT = "PyJWT, parsed key"
JOSERFC = "joserfc, parsed key"
ROWS = (RAW, COLD, CACHED, PYJWT, JOSERFC)

# One way to verify, that many times over: what is awaited in a server is awaited here as well.
Verify = Callable[[int], object]


class Cost(NamedTuple):
    """Seconds per verification in the quickest round, for one row and one algorithm."""

    row: str
    algorithm: str
    seconds: float


def measure(mint: Mint, keys_url: str, *, rounds: int, slice_seconds: float) -> list[Cost]:
    """Return the cost of each row for each algorithm, taken in turns over ``rounds``."""
    costs: list[Cost] = []
    for algorithm in ALGORITHMS:
        ways = ways_to_verify(mint, algorithm, keys_url, mint.token(algorithm))
        samples: dict[str, list[float]] = {row: [] for row in ways}
        with warnings.catch_warnings():
            # joserfc would rather have EdDSA called Ed25519 (RFC 9864); issuers still say EdDSA.
            warnings.simplefilter("ignore", SecurityWarning)
            for _ in range(rounds):
                for row, verify in ways.items():
                    samples[row].append(_time(verify, slice_seconds))
        # The quickest: nothing in a process makes it faster, and all else on the machine slower.
        costs.extend(Cost(row, algorithm, min(taken)) for row, taken in samples.items())
    return costs


def ways_to_verify(mint: Mint, algorithm: str, keys_url: str, token: str) -> dict[str, Verify]:
    """Return one verification of ``token`` per row; each raises when it is not good."""
    key = jwk.import_key(mint.public_jwk(algorithm))
    registry = jose.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": RESOURCE},
        exp={"essential": True},
    )

    def with_joserfc() -> object:
        decoded = jose.decode(token, key, algorithms=[algorithm])
        registry.validate(decoded.claims)
        return decoded

    cold = _verifier(keys_url, algorithm, cache_entries=0)
    warm = _verifier(keys_url, algorithm, cache_entries=10)
    sent = token.encode()

    async def new(times: int) -> None:
        for _ in range(times):
            await cold.verify(sent)

    async def known(times: int) -> None:
        for _ in range(times):
            _ = warm.recall(sent) or await warm.verify(sent)

    with_pyjwt = partial(
        jwt.decode,
        token,
        mint.keys[algorithm].public_key(),
        algorithms=[algorithm],
        issuer=ISSUER,
        audience=RESOURCE,
    )
    return {
        RAW: partial(_repeat, _signature_check(mint.keys[algorithm].public_key(), token)),
        COLD: lambda times: finish(new(times)),
        CACHED: lambda times: finish(known(times)),
        PYJWT: partial(_repeat, with_pyjwt),
        JOSERFC: partial(_repeat, with_joserfc),
    }


def _repeat(verify: Callable[[], object], times: int) -> None:
    for _ in range(times):
        verify()


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run ``coroutine``, which must not wait, so that no event loop is timed."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("the verifier waited for something, with its keys at hand")


def _verifier(keys_url: str, algorithm: str, *, cache_entries: int) -> Verifier:
    issuer = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=(algorithm,), jwks_uri=keys_url
    )
    verifier = Verifier([issuer], cache_entries=cache_entries)
    asyncio.run(verifier.start())
    return verifier


def _signature_check(key: object, token: str) -> Callable[[], object]:
    signed, _, encoded = token.encode().rpartition(b".")
    signature = base64url_decode(encoded)
    match key:
        case rsa.RSAPublicKey():
            return partial(key.verify, signature, signed, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePublicKey():
            half = len(signature) // 2
            pair = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
            der = utils.encode_dss_signature(*pair)
            return partial(key.verify, der, signed, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PublicKey():
            return partial(key.verify, signature, signed)
    raise TypeError(f"no signature check for {type(key).__name__}")


def _time(verify: Verify, slice_seconds: float) -> float:
    # A first guess of the pace, then as many as fit: the clock is read twice, not once per call.
    began = time.thread_time()
    verify(10)
    pace = (time.thread_time() - began) / 10
    count = max(10, int(slice_seconds / max(pace, 1e-7)))
    began = time.thread_time()
    verify(count)
    return (time.thread_time() - began) / count
