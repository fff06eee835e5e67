"""The tables ``operations``, ``log`` and ``audit`` of a configuration file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from doorward.errors import ConfigurationError
from doorward.operations.endpoints import Endpoint


@dataclass(frozen=True, kw_only=True)
class OperationsSettings:
    """
    Where probes, metrics and traces go.

    ``listen`` is an address of its own, for all of ``/healthz``, ``/readyz`` and ``/metrics``.
    ``public`` names those that are also at the public address. ``story`` adds ``/story`` to
    ``listen``, and never to the public address. ``check_public`` compares what this process serves
    with what arrives at the public address, after the start.

    Raises:
        ConfigurationError: ``story-without-listen``.
    """

    listen: tuple[str, int] | None = None
    public: frozenset[Endpoint] = frozenset()
    traces: bool = False
    story: bool = False
    check_public: bool = False

    def __post_init__(self) -> None:
        if self.story and self.listen is None:
            raise ConfigurationError(
                "story-without-listen",
                "story is set, and there is no address that only operators reach.",
                'Set listen, such as "127.0.0.1:9100", or remove story.',
            )

    @property
    def counts(self) -> bool:
        """Whether anybody can read metrics."""
        return self.listen is not None or "metrics" in self.public


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How this process logs; with ``json``, every line is one record."""

    format: Literal["text", "json"] = "text"


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """
    Where audit events go, beside the log on standard output.

    Raises:
        ConfigurationError: ``audit-without-file``.
    """

    stdout: bool = True
    file: Path | None = None
    max_bytes: int = 100 * 1024 * 1024
    keep: int = 10
    chain: bool = False
    otel: bool = False

    def __post_init__(self) -> None:
        if self.chain and self.file is None:
            raise ConfigurationError(
                "audit-without-file",
                "chain is set, and there is no audit file to chain.",
                'Set file, such as "audit.jsonl", or remove chain.',
            )
        if not self.stdout and self.file is None and not self.otel:
            raise ConfigurationError(
                "audit-nowhere",
                "stdout is off, and audit events have no other place to go.",
                "Set file or otel, or remove stdout.",
            )
