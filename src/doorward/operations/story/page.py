"""The story as pages without scripts: the list of attempts, and one attempt as a sequence diagram."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from doorward.operations.story.as_text import who
from doorward.operations.story.ending import Ending, ending
from doorward.operations.story.hop import Attempt
from doorward.operations.story.view import PARTIES, messages, parties_of
from doorward.wire.safe_text import visible_line

_TEMPLATES = Path(__file__).parent / "templates"
# Read in text mode, so that the hash covers the line endings that a browser sees.
_STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'".encode("ascii"),
    ),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


def list_page(attempts: Sequence[Attempt], now: float, base: str) -> bytes:
    """Return the list of attempts; each links to its own page below the path ``base``."""

    def ended(attempt: Attempt) -> Ending:
        return ending(attempt, now)

    return (
        _ENVIRONMENT.get_template("list.html")
        .render(attempts=attempts, ending=ended, base=base, who=who)
        .encode()
    )


def attempt_page(attempt: Attempt, now: float, base: str) -> bytes:
    """Return one attempt as a sequence diagram; ``base`` is the path of the list."""
    return (
        _ENVIRONMENT.get_template("attempt.html")
        .render(
            attempt=attempt,
            end=ending(attempt, now),
            parties=parties_of(attempt),
            names=PARTIES,
            messages=messages(attempt),
            base=base,
            who=who,
        )
        .encode()
    )


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%d %B, %H:%M:%S").lstrip("0")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["style"] = Markup(_STYLE)  # noqa: S704 - our own file
    environment.filters["shown"] = visible_line
    environment.filters["clock"] = _clock
    return environment


_ENVIRONMENT = _environment()
