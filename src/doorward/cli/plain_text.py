"""Text from strangers, made fit for a terminal."""

from doorward.wire.safe_text import seen, visible, visible_line

plain = visible
"""Several lines, with everything that a reader would not see spelled out: ``\\x1b``, ``\\u202e``."""

line = visible_line
"""The same in one line, and letters that only look like others spelled out too."""


def json_fit(document: str) -> str:
    """Return a JSON document whose strings cannot steer a terminal; it means the same."""
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
