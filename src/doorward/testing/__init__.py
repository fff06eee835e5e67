"""
Tools for your own tests: a token mint, bad tokens by name, and assertions about permissions.

```python
from doorward.testing import BAD_TOKENS, TokenMint

mint = TokenMint(issuer="https://issuer.example", audience="https://mcp.example/mcp")
headers = {"Authorization": f"Bearer {mint.mint('alice', scopes={'mcp:read'})}"}
```
"""

from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.private_key import PrivateKey
from doorward.testing.bad_tokens import BAD_TOKENS, BadToken, bad_token
from doorward.testing.mint import ABSENT, TokenMint
from doorward.testing.permissions import assert_permissions_unchanged

__all__ = [
    "ABSENT",
    "BAD_TOKENS",
    "BadToken",
    "PrivateKey",
    "SigningAlgorithm",
    "TokenMint",
    "assert_permissions_unchanged",
    "bad_token",
]
