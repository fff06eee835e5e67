"""Doorward's own transport behind its guard, and the guard round the official SDK."""

from typing import Any

from benchmarks.scene import ISSUER, RESOURCE, SCOPE
from doorward.guard import Guard
from doorward.policy import Policy, Rule
from doorward.tokens import TrustedIssuer
from doorward.transport import McpServer


def build(keys_url: str) -> Any:
    """Return one tool behind the guard: policy, header checks, typed arguments and audit on."""
    server = McpServer("bench", version="1.0")

    @server.tool(scopes={SCOPE})
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    policy = Policy(base=Rule(), rules=server.rules)
    server.decide = lambda user, wanted: bool(user and policy.decide(user, wanted).allowed)
    return _guard(keys_url, policy).protect(server.asgi)


def build_round_sdk(keys_url: str) -> Any:
    """Return the official SDK's application behind the guard, in the SDK's quickest setting."""
    # Here, because the other contender of this module must not carry the SDK's weight.
    from benchmarks.servers import sdk_server

    policy = Policy(base=Rule(), rules={("tools/call", "add"): Rule(scopes=frozenset({SCOPE}))})
    return _guard(keys_url, policy).protect(sdk_server.build_open(keys_url))


def _guard(keys_url: str, policy: Policy) -> Guard:
    issuer = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=("RS256",), jwks_uri=keys_url
    )
    return Guard(resource=RESOURCE, issuers=[issuer], policy=policy)
