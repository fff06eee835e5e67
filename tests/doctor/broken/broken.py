"""How a set-up that is broken in exactly one way is declared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.doctor.findings.finding import Blame
from tests.doctor.world import World

Build = Callable[[], World]


@dataclass(frozen=True)
class Broken:
    """One broken set-up: ``build`` makes it, ``code`` is the only finding, ``blame`` who must act."""

    code: str
    build: Build
    blame: Blame
    saw: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)


class Set:
    """Collects the broken set-ups of one file."""

    def __init__(self) -> None:
        self.broken: list[Broken] = []

    def gives(
        self, code: str, blame: Blame, *, saw: tuple[str, ...] = (), **plan: Any
    ) -> Callable[[Build], Build]:
        """Declare that a set-up gives ``code`` alone, with the options of a ``Plan``."""

        def keep(build: Build) -> Build:
            self.broken.append(Broken(code, build, blame, saw, plan))
            return build

        return keep
