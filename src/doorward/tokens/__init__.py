"""
Is this access token acceptable here? Answers an Identity or says why not.

What is not about JWTs is brought in when it is first used, because most servers never see anything
else; and so is what reads keys, because a server can start without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from doorward.tokens.discovered import DiscoveredKeys
from doorward.tokens.issuer import TrustedIssuer
from doorward.tokens.profile import RFC9068, TokenProfile
from doorward.tokens.remote import Freshness, RemoteKeys
from doorward.tokens.source import KeySource
from doorward.tokens.verifier import Verifier

if TYPE_CHECKING:
    from doorward.tokens.api_key import ApiKey, new_api_key
    from doorward.tokens.api_key_file import ApiKeyFile
    from doorward.tokens.api_keys import ApiKeyList, ApiKeys
    from doorward.tokens.credentials import CredentialVerifier, TokenVerifier
    from doorward.tokens.github import GitHubTokenCheck
    from doorward.tokens.google import GoogleTokenInfo
    from doorward.tokens.introspection import Introspection
    from doorward.tokens.key import Key
    from doorward.tokens.local import LocalKeys
    from doorward.tokens.opaque import INTROSPECTED, Lookup, OpaqueIssuer
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
    "ApiKey": "api_key",
    "new_api_key": "api_key",
    "ApiKeyFile": "api_key_file",
    "ApiKeyList": "api_keys",
    "ApiKeys": "api_keys",
    "CredentialVerifier": "credentials",
    "TokenVerifier": "credentials",
    "GitHubTokenCheck": "github",
    "GoogleTokenInfo": "google",
    "Introspection": "introspection",
    "Key": "key",
    "LocalKeys": "local",
    "INTROSPECTED": "opaque",
    "Lookup": "opaque",
    "OpaqueIssuer": "opaque",
    "Revocations": "revocations",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"doorward.tokens.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'doorward.tokens' has no attribute {name!r}")
