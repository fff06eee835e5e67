"""
Text that a stranger chose: which of its characters a reader does not see for what they are.

Terminals and error messages spell such a character out (``\\u202e``); pages leave it out. Both ask
here, so that no character is harmless in one place and harmful in the other. Nothing here is an
admission check: what is shown may differ from what is compared.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from doorward.wire.unicode_form import normalized

# Letters and marks by category, yet drawn as nothing or as a blank: a name made of them would
# look as if there were none, or as if it ended early.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u17b4\u17b5\u034f")
_VARIATION = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MARKS_IN_A_ROW = 2
_OVERLAY = 1  # the combining class of strokes that are drawn through the letter

LONGEST_LINE = 2000
"""Characters; longer text would push everything else off the screen."""

# Alphabets with letters that are drawn like those of ASCII.
_ALPHABETS = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET"})
_LOOK_ALIKES = frozenset(
    "АВЕЅІЈКМНОРСТУХҮԌԚԜѴӀаеѕіјорсухһԁԛԝүѵӏ"  # Cyrillic
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϲϳ"  # Greek
    "ՕՍՏԼօոսցհզ"  # Armenian
    "ɑɡǀǃ"  # phonetic
)
# What is spelled out already is no word, and no part of one.
_WORD = re.compile(r"\\U[0-9a-f]{8}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\w+")
# Drawn like "/" and ".", and so like where a host name ends.
_FALSE_DELIMITER = re.compile("(?<=[A-Za-z])[\u2024\u2044\u2215\u29f8\uff0e\uff0f](?=[A-Za-z])")


def seen(text: str) -> Iterator[tuple[str, bool]]:
    """
    Yield each character of ``text``, and whether a reader sees it for what it is.

    They do not see control, format and bidirectional characters, surrogates, unassigned and private
    characters, fillers and variation selectors; nor a combining mark that has no letter, is the
    third on one letter, or strikes it through.

    Spec: UTS #36 §2; UTR #36 §2.10
    """
    marks, based = 0, False
    for char in text:
        if " " <= char <= "~":
            marks, based = 0, char.isalnum() or char in "#*+<=>^`|~$"
            yield char, True
            continue
        category = unicodedata.category(char)
        if category[0] == "M":
            marks += 1
            yield char, based and marks <= _MARKS_IN_A_ROW and _is_plain_mark(char)
            continue
        fit = category[0] != "C" and category not in ("Zl", "Zp") and char not in BLANKS
        marks, based = 0, fit and category[0] in "LNS"
        yield char, fit


def visible(text: str) -> str:
    """
    Return ``text`` with every character that a reader would not see spelled out.

    ``"a\\u202eb"`` becomes ``"a\\\\u202eb"``. Line breaks and tabs stay. Letters that only look
    like others stay: in a tool's result they are more often honest than not.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _spelled(char) if not fit and char not in "\n\t" else _spaced(char)
        for char, fit in seen(normalized("NFC", text))
    )


def visible_line(text: str, limit: int | None = LONGEST_LINE) -> str:
    """
    Return ``text`` as one line in which letters that only look like ASCII are spelled out too.

    ``"p\\u0430ypal"`` with a Cyrillic letter becomes ``"p\\\\u0430ypal"``. A word of another
    script stays as it is where its text has letters that belong to that script alone.

    Spec: UTS #39 §5
    """
    cut = text if limit is None else text[: limit + 1]
    shown = " ".join(_unmasked(visible(cut)).split())
    if limit is not None and (len(shown) > limit or len(text) > limit):
        return shown[: limit - 1].rstrip() + "…"
    return shown


def _is_plain_mark(char: str) -> bool:
    if char in BLANKS or _VARIATION.match(char):
        return False
    return unicodedata.combining(char) != _OVERLAY


def _spaced(char: str) -> str:
    return " " if char > "~" and unicodedata.category(char) == "Zs" else char


def _spelled(char: str) -> str:
    number = ord(char)
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _unmasked(text: str) -> str:
    if text.isascii():
        return text
    text = _FALSE_DELIMITER.sub(lambda found: _spelled(found[0]), text)
    text = _WORD.sub(lambda found: _unmixed(found[0]), text)
    # Only now: a word that was put on for the purpose is no sign of its language.
    genuine = {_script(char) for char in set(text) if char not in _LOOK_ALIKES}
    return _WORD.sub(lambda found: _native(found[0], genuine), text)


def _unmixed(word: str) -> str:
    """Return ``word`` without letters that pose as ASCII beside letters of ASCII."""
    if word.isascii():
        return word
    latin = any(char.isalpha() and (char.isascii() or _is_styled_ascii(char)) for char in word)
    return "".join(
        _spelled(char) if _is_styled_ascii(char) or (latin and _is_foreign(char)) else char
        for char in word
    )


def _is_foreign(char: str) -> bool:
    # "μm" and "Δx" are honest; no word of a living language mixes the other alphabets with ours.
    return char in _LOOK_ALIKES or _script(char) in _ALPHABETS - {"GREEK"}


def _native(word: str, genuine: set[str]) -> str:
    """Return ``word``; one of look-alikes alone only where their script is really written."""
    if word.isascii() or len(word) == 1:
        return word
    return "".join(
        _spelled(char) if char in _LOOK_ALIKES and _script(char) not in genuine else char
        for char in word
    )


@lru_cache(maxsize=4096)
def _is_styled_ascii(char: str) -> bool:
    if char.isascii() or unicodedata.category(char) not in ("Lu", "Ll", "Nd", "Nl"):
        return False
    return unicodedata.normalize("NFKC", char).isascii()


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]
