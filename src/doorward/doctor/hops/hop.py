"""What a rung of the ladder is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.probe.probe import Probe


@dataclass(frozen=True)
class Hop:
    """
    One rung: ``observe`` returns the evidence with its view added.

    It is reached if ``is_reached`` says so of the evidence up to here. ``waiting`` is what the
    progress line says.
    """

    name: str
    title: str
    waiting: str
    is_reached: Callable[[Evidence], bool]
    observe: Callable[[Probe, Evidence], Awaitable[Evidence]]
