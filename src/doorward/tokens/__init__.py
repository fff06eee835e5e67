"""Is this access token acceptable here? Answers an Identity or says why not."""

from doorward.tokens.discovered import DiscoveredKeys
from doorward.tokens.issuer import TrustedIssuer
from doorward.tokens.key import Key
from doorward.tokens.profile import RFC9068, TokenProfile
from doorward.tokens.remote import Freshness, RemoteKeys
from doorward.tokens.source import KeySource, LocalKeys
from doorward.tokens.verifier import Verifier

__all__ = [
    "RFC9068",
    "DiscoveredKeys",
    "Freshness",
    "Key",
    "KeySource",
    "LocalKeys",
    "RemoteKeys",
    "TokenProfile",
    "TrustedIssuer",
    "Verifier",
]
