"""A key of the server behind a resource, which each user pastes."""

import re
from dataclasses import dataclass, field
from typing import Any

from doorward.errors import ConfigurationError
from doorward.policy.argument_schema import compiled

PASTED_KEY = "pasted key"
"""Stands for a provider where a user has pasted a key. No identity provider can have this name."""

_LONGEST = 1024
# The key is sent in a header: a space or a line end would let it be read as something else.
_CHARACTERS = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True)
class PastedKey:
    """
    A key of the server behind a resource, which each user pastes on a page of this server.

    ``title`` is what users call the service, and ``pattern`` what each of its keys matches.
    ``origin`` is where keys are sent: a key that was pasted for another origin is void.

    Raises:
        ConfigurationError: ``no-key-title`` or ``argument-schema``.
    """

    title: str
    origin: str
    pattern: str | None = None
    _validator: Any = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ConfigurationError(
                "no-key-title",
                "pasted_key has an empty title.",
                'Set title to the name of the service, such as "Linear".',
            )
        if self.pattern is not None:
            schema = {"type": "string", "pattern": self.pattern}
            object.__setattr__(self, "_validator", compiled("pasted_key", schema))

    def admits(self, key: str) -> bool:
        """Return whether ``key`` can be a key of the service."""
        fits = len(key) <= _LONGEST and _CHARACTERS.fullmatch(key) is not None
        return fits and (self._validator is None or bool(self._validator.is_valid(key)))
