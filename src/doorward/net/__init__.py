"""Outbound HTTP that is safe against SSRF, single-flight caches, a circuit breaker, and the clock."""

from doorward.net.clock import ALWAYS, NEVER, Clock, TimeRange
from doorward.net.http.fetcher import Fetcher
from doorward.net.http.messages import FetchRequest, FetchResponse
from doorward.net.http.refusals import FetchFailed, FetchRefused, UnusableResponse
from doorward.net.single_flight import Expiring, SingleFlight, SingleFlightCache

__all__ = [
    "ALWAYS",
    "NEVER",
    "Clock",
    "Expiring",
    "FetchFailed",
    "FetchRefused",
    "FetchRequest",
    "FetchResponse",
    "Fetcher",
    "SingleFlight",
    "SingleFlightCache",
    "TimeRange",
    "UnusableResponse",
]
