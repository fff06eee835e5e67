"""``DownstreamTokens`` with one grant, and a caller who asks for a token."""

from typing import Any

from doorward.downstream import DownstreamGrant, DownstreamTokens, TokenExchange
from tests.downstream.conftest import OURS, Clock, caller
from tests.downstream.issuer import Issuer

INBOUND = "the-token-that-came-in"
SECRET = "a secret/with+signs of its own, long enough"


def exchange(issuer: Issuer, /, **told: Any) -> TokenExchange:
    """Return an arrangement with this issuer."""
    usual: dict[str, Any] = {
        "issuer": issuer.issuer,
        "client_id": "mcp-server",
        "client_secret": SECRET,
        "audience": "orders",
    }
    return TokenExchange(**{**usual, **told})


def downstream_of(issuer: Issuer, clock: Clock, **told: Any) -> DownstreamTokens:
    """Return ``DownstreamTokens`` with one grant, ``orders``."""
    grant: DownstreamGrant = told.pop("grant", None) or exchange(issuer)
    return DownstreamTokens({"orders": grant}, own_audiences={OURS}, clock=clock, **told)


async def get(
    downstream: DownstreamTokens, at: Issuer, /, *scopes: str, inbound: str = INBOUND, **who: Any
) -> Any:
    """Ask for a token for ``orders``."""
    return await downstream.token_for(caller(at, **who), inbound, "orders", frozenset(scopes))
