"""The only room with sockets and the clock: one guarded fetcher, single-flight caches."""

from doorward.net.clock import ALWAYS, NEVER, Clock, Span
from doorward.net.fetcher import Fetcher
from doorward.net.messages import Fetched, Question
from doorward.net.refusals import AnswerUnusable, FetchFailed, FetchRefused
from doorward.net.single_flight import Loaded, SingleFlight, SingleFlightCache

__all__ = [
    "ALWAYS",
    "NEVER",
    "AnswerUnusable",
    "Clock",
    "FetchFailed",
    "FetchRefused",
    "Fetched",
    "Fetcher",
    "Loaded",
    "Question",
    "SingleFlight",
    "SingleFlightCache",
    "Span",
]
