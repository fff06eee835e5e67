"""Two API keys, and a key_verifier that knows keys."""

from doorward.tokens import ApiKey, ApiKeyList, new_api_key
from doorward.tokens.api_keys.verifier import ApiKeyVerifier
from tests.tokens.signer import NOW

KEY, KEPT = new_api_key(
    name="nightly",
    now=NOW,
    lifetime=3600,
    scopes=frozenset({"mcp:read"}),
    roles=frozenset({"ops"}),
)
OTHER, OTHER_KEPT = new_api_key(name="other", now=NOW, lifetime=3600)


def key_verifier(*keys: ApiKey, now: float = NOW) -> ApiKeyVerifier:
    return ApiKeyVerifier(ApiKeyList(keys), clock=lambda: now)
