"""Compressed claims decompress to the same claims, with any dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.tokens.claims_compression import ClaimsCompressor


@given(pattern=st.binary(max_size=3000), claims=st.binary(max_size=5000))
def test_compressed_claims_decompress_byte_for_byte(pattern: bytes, claims: bytes) -> None:
    compressor = ClaimsCompressor(pattern)

    assert compressor.decompress(compressor.compress(claims)) == claims
    # The shared state is copied for each call, so that one caller's claims do not reach the next.
    assert compressor.decompress(compressor.compress(pattern)) == pattern
