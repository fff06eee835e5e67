"""The only room with sockets and the clock: one guarded fetcher, single-flight caches."""

from doorward.net.clock import ALWAYS, NEVER, Clock, Span
from doorward.net.fetcher import Fetcher
from doorward.net.messages import FetchRequest, FetchResponse
from doorward.net.refusals import AnswerUnusable, FetchFailed, FetchRefused
from doorward.net.single_flight import Expiring, SingleFlight, SingleFlightCache

__all__ = [
    "ALWAYS",
    "NEVER",
    "AnswerUnusable",
    "Clock",
    "Expiring",
    "FetchFailed",
    "FetchRefused",
    "FetchRequest",
    "FetchResponse",
    "Fetcher",
    "SingleFlight",
    "SingleFlightCache",
    "Span",
]
