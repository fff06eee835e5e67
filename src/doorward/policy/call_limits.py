"""Limits of a rule: how often, and how many at once, one caller may do what it decides."""

from dataclasses import dataclass

from doorward.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class CallLimit:
    """
    How often a caller may call, and how many of the calls may run at the same time.

    ``rate`` is in the notation of the library ``limits``: ``"30 per minute"``, ``"5/10 seconds"``.

    Raises:
        ConfigurationError: ``not-a-rate``.
    """

    rate: str | None = None
    concurrent: int | None = None

    def __post_init__(self) -> None:
        # Most policies have no limits, and start-up is measured.
        from limits import parse

        try:
            if self.rate is not None and parse(self.rate).amount < 1:
                raise ValueError
        except ValueError:
            raise ConfigurationError(
                "not-a-rate",
                f"{self.rate!r} is no rate.",
                'Write, for example: "30 per minute", or "5/10 seconds".',
            ) from None
        if self.concurrent is not None and self.concurrent < 1:
            raise ConfigurationError(
                "not-a-rate",
                f"At most {self.concurrent} calls at once lets nobody in.",
                "Give 1 or more.",
            )


@dataclass(frozen=True, slots=True)
class RuleLimit:
    """The limit of one rule, which counts every operation that the rule decides."""

    rule: str
    limit: CallLimit
