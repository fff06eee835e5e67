"""Is this access token acceptable here? Answers an Identity or says why not."""

from doorward.tokens.api_key import ApiKey, new_api_key
from doorward.tokens.api_key_file import ApiKeyFile
from doorward.tokens.api_keys import ApiKeyList, ApiKeys
from doorward.tokens.credentials import CredentialVerifier, TokenVerifier
from doorward.tokens.discovered import DiscoveredKeys
from doorward.tokens.github import GitHubTokenCheck
from doorward.tokens.google import GoogleTokenInfo
from doorward.tokens.introspection import Introspection
from doorward.tokens.issuer import TrustedIssuer
from doorward.tokens.key import Key
from doorward.tokens.opaque import INTROSPECTED, Lookup, OpaqueIssuer
from doorward.tokens.profile import RFC9068, TokenProfile
from doorward.tokens.remote import Freshness, RemoteKeys
from doorward.tokens.source import KeySource, LocalKeys
from doorward.tokens.verifier import Verifier

__all__ = [
    "INTROSPECTED",
    "RFC9068",
    "ApiKey",
    "ApiKeyFile",
    "ApiKeyList",
    "ApiKeys",
    "CredentialVerifier",
    "DiscoveredKeys",
    "Freshness",
    "GitHubTokenCheck",
    "GoogleTokenInfo",
    "Introspection",
    "Key",
    "KeySource",
    "LocalKeys",
    "Lookup",
    "OpaqueIssuer",
    "RemoteKeys",
    "TokenProfile",
    "TokenVerifier",
    "TrustedIssuer",
    "Verifier",
    "new_api_key",
]
