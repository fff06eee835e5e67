"""Text from strangers, made fit for a terminal."""

import re
import unicodedata

# Escape sequences move the cursor, rename the window and answer in the user's name; bidirectional
# and invisible characters make text read unlike what it is. Line breaks and tabs stay.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e01ef]"
)


def plain(text: str) -> str:
    """Return ``text`` with every control character shown as what it is: ``\\x1b``, ``\\u202e``."""
    return _UNFIT.sub(_spelled, unicodedata.normalize("NFC", text))


def line(text: str) -> str:
    """Return ``text`` as one line."""
    return " ".join(plain(text).split())


def json_fit(document: str) -> str:
    """Return a JSON document whose strings cannot steer a terminal; it means the same."""
    return _UNFIT.sub(_escaped, document)


def _spelled(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
