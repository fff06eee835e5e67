"""Text for a terminal: untrusted text escaped, and times."""

from datetime import UTC, datetime

from doorward.wire.safe_text import seen, visible, visible_line

plain = visible
"""Escapes invisible characters, such as ``\\x1b`` and ``\\u202e``; keeps line breaks."""

line = visible_line
"""Also escapes line breaks and look-alike letters."""


def minute(seconds: float | None) -> str:
    """Return a time in UTC, to the minute; empty if there is none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def json_fit(document: str) -> str:
    """Return an equivalent JSON document without characters that control a terminal."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(
        char if fit or char in "\n\t" else _escaped(ord(char)) for char, fit in seen(document)
    )


def _escaped(number: int) -> str:
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
