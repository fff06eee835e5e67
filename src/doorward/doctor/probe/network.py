"""The network of a run: how names resolve, and what carries requests."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.net.resolver import Resolver, resolve


@dataclass(frozen=True)
class Network:
    """
    A resolver, and a transport for a policy.

    Tests replace both. The default connects only to addresses that the policy allows.
    """

    resolver: Resolver = resolve
    transport: Callable[[UrlPolicy], httpx2.AsyncBaseTransport] = PinnedTransport
