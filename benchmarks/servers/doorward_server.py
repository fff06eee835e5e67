"""Doorward's own transport behind its guard."""

from typing import Any

from benchmarks.scene import ISSUER, RESOURCE, SCOPE
from doorward.guard import Guard
from doorward.mcp_server import McpServer
from doorward.policy import Policy, Rule
from doorward.tokens import TrustedIssuer


def build(keys_url: str) -> Any:
    """Return one tool behind the guard: policy, header checks, typed arguments and audit on."""
    server = McpServer("bench", version="1.0")

    @server.tool(scopes={SCOPE})
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    policy = Policy(base=Rule(), rules=server.rules)
    server.decide = lambda user, wanted: bool(user and policy.decide(user, wanted).allowed)
    return guard(keys_url, policy).protect(server.asgi)


def guard(keys_url: str, policy: Policy, **settings: Any) -> Guard:
    """Return the guard of every contender that has one."""
    issuer = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=("RS256",), jwks_uri=keys_url
    )
    return Guard(resource=RESOURCE, issuers=[issuer], policy=policy, **settings)
