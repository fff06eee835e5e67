"""What a fail-over run counts, as a table and as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# Each must be zero.
MUST_BE_ZERO = (
    "codes_honoured_twice",
    "refresh_tokens_honoured_twice",
    "grants_lost",
    "clients_logged_out",
    "sessions_lost",
    "calls_failed",
    "faults_without_retry_after",
    "internal_errors",
    "writes_at_the_old_primary",
    "secrets_in_logs",
)

_HEADINGS = [
    "Fault", "Honoured twice", "Grants lost", "Logged out", "Calls failed", "Without a refresh", "Longest answer", "Answers of the token endpoint",
]  # fmt: skip


@dataclass
class Counts:
    """The counts of one fault, from its beginning to the time when everything is well again."""

    fault: str
    seconds: float = 0.0
    codes_honoured_twice: int = 0
    refresh_tokens_honoured_twice: int = 0
    grants_lost: int = 0
    clients_logged_out: int = 0
    sessions_lost: int = 0
    calls_failed: int = 0
    # A call that a killed replica had accepted; the second try succeeded.
    calls_cut_off: int = 0
    faults_without_retry_after: int = 0
    # Answers with status 500: a fault of the database is a 503.
    internal_errors: int = 0
    writes_at_the_old_primary: int = 0
    secrets_in_logs: int = 0
    grants_checked: int = 0
    longest_without_a_refresh: float = 0.0
    longest_answer: float = 0.0
    longest_call: float = 0.0
    # By the kind of request: how often each status came; "none" is a connection that broke.
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    # No replica runs, so no call can be answered.
    stopped: bool = False
    # What went wrong, in words.
    wrong: list[str] = field(default_factory=list)

    def is_clean(self) -> bool:
        """Say whether everything that must be zero is zero."""
        return not any(getattr(self, name) for name in MUST_BE_ZERO)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        answers = {kind: dict(counted) for kind, counted in self.answers.items()}
        return asdict(replace(self, answers={})) | {"answers": answers}


def as_table(counted: Sequence[Counts]) -> str:
    """Return a table in Markdown, with a line for each fault."""
    lines = [_HEADINGS, ["---", *["---:"] * (len(_HEADINGS) - 2), "---"]]
    for one in counted:
        lines.append(
            [
                one.fault,
                str(one.codes_honoured_twice + one.refresh_tokens_honoured_twice),
                f"{one.grants_lost} of {one.grants_checked}",
                str(one.clients_logged_out + one.sessions_lost),
                f"{one.calls_failed} of {sum(one.answers.get('call', Counter()).values())}",
                f"{one.longest_without_a_refresh:.0f} s",
                f"{one.longest_answer:.1f} s",
                _statuses(one.answers.get("token", Counter())),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _statuses(counted: Counter[str]) -> str:
    return ", ".join(f"{number} × {status}" for status, number in sorted(counted.items()))
