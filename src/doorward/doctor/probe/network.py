"""The network of a run: how names resolve, and what carries requests."""

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import httpx2

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.net.http.resolver import Resolver, resolve


@dataclass(frozen=True)
class Network:
    """
    A resolver, a transport for a policy, and a clock for how long answers take.

    Tests replace them. The default connects only to addresses that the policy allows.
    """

    resolver: Resolver = resolve
    transport: Callable[[UrlPolicy], httpx2.AsyncBaseTransport] = PinnedTransport
    clock: Callable[[], float] = anyio.current_time
