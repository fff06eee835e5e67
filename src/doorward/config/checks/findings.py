"""What the checks of a configuration file find."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found about one setting; ``hint`` says what to do."""

    setting: str
    status: Status
    sentence: str
    hint: str = ""


def ok(setting: str, sentence: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(setting=setting, status="ok", sentence=sentence)


def warning(setting: str, sentence: str, hint: str) -> Finding:
    """Return a finding that may be intended, or that cannot be decided."""
    return Finding(setting=setting, status="warning", sentence=sentence, hint=hint)


def failed(setting: str, sentence: str, hint: str) -> Finding:
    """Return a finding with which the service cannot work."""
    return Finding(setting=setting, status="failed", sentence=sentence, hint=hint)
