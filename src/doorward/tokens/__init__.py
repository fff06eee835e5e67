"""
Verification of credentials: an Identity, or a refusal with its reason.

Opaque tokens, API keys and key parsing are imported on first use. Most servers only see JWTs, and a
server can start without keys.
"""

import importlib
from typing import TYPE_CHECKING, Any

from doorward.tokens.jwt.discovered_keys import DiscoveredKeys
from doorward.tokens.jwt.issuer import TrustedIssuer
from doorward.tokens.jwt.key_source import KeySource
from doorward.tokens.jwt.profile import RFC9068, TokenProfile
from doorward.tokens.jwt.remote_keys import Freshness, RemoteKeys
from doorward.tokens.jwt.verifier import Verifier

if TYPE_CHECKING:
    from doorward.jose.public_key import Key
    from doorward.tokens.api_keys.key import ApiKey, new_api_key
    from doorward.tokens.api_keys.key_file import ApiKeyFile
    from doorward.tokens.api_keys.verifier import ApiKeyList, ApiKeys
    from doorward.tokens.credentials import CredentialVerifier, TokenVerifier
    from doorward.tokens.jwt.local_keys import LocalKeys
    from doorward.tokens.opaque.github import GitHubTokenCheck
    from doorward.tokens.opaque.google import GoogleTokenInfo
    from doorward.tokens.opaque.introspection import Introspection
    from doorward.tokens.opaque.issuer import INTROSPECTED, Lookup, OpaqueIssuer
    from doorward.tokens.revocations import Revocations

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
    "Revocations",
    "TokenProfile",
    "TokenVerifier",
    "TrustedIssuer",
    "Verifier",
    "new_api_key",
]

_WHERE = {
    "ApiKey": "tokens.api_keys.key",
    "new_api_key": "tokens.api_keys.key",
    "ApiKeyFile": "tokens.api_keys.key_file",
    "ApiKeyList": "tokens.api_keys.verifier",
    "ApiKeys": "tokens.api_keys.verifier",
    "CredentialVerifier": "tokens.credentials",
    "TokenVerifier": "tokens.credentials",
    "GitHubTokenCheck": "tokens.opaque.github",
    "GoogleTokenInfo": "tokens.opaque.google",
    "Introspection": "tokens.opaque.introspection",
    "Key": "jose.public_key",
    "LocalKeys": "tokens.jwt.local_keys",
    "INTROSPECTED": "tokens.opaque.issuer",
    "Lookup": "tokens.opaque.issuer",
    "OpaqueIssuer": "tokens.opaque.issuer",
    "Revocations": "tokens.revocations",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"doorward.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'doorward.tokens' has no attribute {name!r}")
