"""Text that a stranger chose, made safe to read."""

import unicodedata


def plain(text: str, limit: int = 80) -> str:
    """Return ``text`` on one line, without anything invisible, at most ``limit`` characters."""
    shown = "".join(" " if c.isspace() else c for c in text[: limit * 8] if _shows(c))
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _shows(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] != "C"
