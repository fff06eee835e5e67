"""A token that a provider signed: its header and claims, once the signature is good."""

from collections.abc import Callable
from typing import Any

from doorward.authserver.refusals import OAuthRefused
from doorward.authserver.upstream.refusals import ProviderUnavailable
from doorward.errors import KeysUnavailable, UnknownKey
from doorward.jose.compact import JwsHeader, MalformedJws, read_header, read_object, split_jws
from doorward.tokens.jwt.key_source import KeySource


async def read_signed_token(
    token: str,
    keys: KeySource,
    algorithms: tuple[str, ...],
    refuse: Callable[[str], OAuthRefused],
) -> tuple[JwsHeader, dict[str, Any]]:
    """
    Return the header and the claims of a token with a good signature; the claims are not checked.

    Raises:
        OAuthRefused: what ``refuse`` makes of the detail.
        ProviderUnavailable: 503, the provider's keys cannot be fetched.

    Spec: RFC 7515 §5.2; RFC 8725 §3.1
    """
    try:
        parts = split_jws(token.encode("utf-8"))
        header = read_header(parts.header)
        claims = read_object(parts.payload)
    except MalformedJws as error:
        raise refuse(f"the token is not a compact JWS: {error}") from None
    if header.algorithm not in algorithms:
        raise refuse(f"alg={header.algorithm[:50]!r}, want one of {sorted(algorithms)}")
    try:
        key = await keys.key(header.kid, header.algorithm)
    except UnknownKey:
        raise refuse(f"no key with kid={header.kid!r}") from None
    except KeysUnavailable as error:
        raise ProviderUnavailable(error.detail) from None
    if not key.verify(header.algorithm, parts.signing_input, parts.signature):
        raise refuse("the signature of the token")
    return header, claims
