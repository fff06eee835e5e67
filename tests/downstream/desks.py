"""A desk with one next server, and somebody who asks there."""

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


def desk_of(issuer: Issuer, clock: Clock, **told: Any) -> DownstreamTokens:
    """Return a desk with one arrangement, ``orders``."""
    arrangement: DownstreamGrant = told.pop("arrangement", None) or exchange(issuer)
    return DownstreamTokens({"orders": arrangement}, own_audiences={OURS}, clock=clock, **told)


async def get(
    desk: DownstreamTokens, at: Issuer, /, *scopes: str, inbound: str = INBOUND, **who: Any
) -> Any:
    """Ask the desk for a token for ``orders``."""
    return await desk.token_for(caller(at, **who), inbound, "orders", frozenset(scopes))
