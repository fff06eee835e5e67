"""
Safe display of untrusted text: which of its characters are invisible or misleading.

Terminals and error messages escape such a character (``\\u202e``); pages omit it. Both use this
module, so that they agree on which characters are harmful. This is no admission check: displayed
text may differ from the text that is compared.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from doorward.wire.unicode_form import normalized

# Letters and marks by category that are displayed as nothing or as a blank. A name made of them
# would look empty or cut off.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u17b4\u17b5\u034f")
_VARIATION = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MARKS_IN_A_ROW = 2
_OVERLAY = 1  # the combining class of strokes through the letter

LONGEST_LINE = 2000
"""Characters; longer text would push other output off the screen."""

# Alphabets with letters that look like ASCII.
_ALPHABETS = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET"})
_LOOK_ALIKES = frozenset(
    "АВЕЅІЈКМНОРСТУХҮԌԚԜѴӀаеѕіјорсухһԁԛԝүѵӏ"  # Cyrillic
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϲϳ"  # Greek
    "ՕՍՏԼօոսցհզ"  # Armenian
    "ɑɡǀǃ"  # phonetic
)
# An escape is not part of a word.
_WORD = re.compile(r"\\U[0-9a-f]{8}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\w+")
# Characters that look like "/" and ".", and so like the end of a host name.
_FALSE_DELIMITER = re.compile("(?<=[A-Za-z])[\u2024\u2044\u2215\u29f8\uff0e\uff0f](?=[A-Za-z])")


def seen(text: str) -> Iterator[tuple[str, bool]]:
    """
    Yield each character of ``text``, and whether it is displayed as what it is.

    It is not if it is a control, format or bidirectional character, a surrogate, unassigned or private,
    a filler or a variation selector. Nor if it is a combining mark without a letter, the third on one
    letter, or a stroke through it.

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
    Return ``text`` with every invisible or misleading character escaped.

    ``"a\\u202eb"`` becomes ``"a\\\\u202eb"``. Line breaks and tabs stay. Look-alike letters
    stay too: in a tool's result most of them are legitimate.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(char) if not fit and char not in "\n\t" else _spaced(char)
        for char, fit in seen(normalized("NFC", text))
    )


def visible_line(text: str, limit: int | None = LONGEST_LINE) -> str:
    """
    Return ``text`` as one line in which letters that look like ASCII are escaped too.

    ``"p\\u0430ypal"`` with a Cyrillic letter becomes ``"p\\\\u0430ypal"``. A word of another
    script stays unchanged if the text has letters that only that script has.

    Spec: UTS #39 §5
    """
    cut = text if limit is None else text[: limit + 1]
    shown = " ".join(_escape_lookalikes(visible(cut)).split())
    if limit is not None and (len(shown) > limit or len(text) > limit):
        return shown[: limit - 1].rstrip() + "…"
    return shown


def _is_plain_mark(char: str) -> bool:
    if char in BLANKS or _VARIATION.match(char):
        return False
    return unicodedata.combining(char) != _OVERLAY


def _spaced(char: str) -> str:
    return " " if char > "~" and unicodedata.category(char) == "Zs" else char


def _escaped(char: str) -> str:
    number = ord(char)
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _escape_lookalikes(text: str) -> str:
    if text.isascii():
        return text
    text = _FALSE_DELIMITER.sub(lambda found: _escaped(found[0]), text)
    text = _WORD.sub(lambda found: _escape_mixed(found[0]), text)
    # Only now: a word that mixes scripts is no evidence of its language.
    genuine = {_script(char) for char in set(text) if char not in _LOOK_ALIKES}
    return _WORD.sub(lambda found: _escape_foreign(found[0], genuine), text)


def _escape_mixed(word: str) -> str:
    """Return ``word``; look-alikes of ASCII are escaped if it has ASCII letters too."""
    if word.isascii():
        return word
    latin = any(char.isalpha() and (char.isascii() or _is_styled_ascii(char)) for char in word)
    return "".join(
        _escaped(char) if _is_styled_ascii(char) or (latin and _is_foreign(char)) else char
        for char in word
    )


def _is_foreign(char: str) -> bool:
    # "μm" and "Δx" are legitimate; no living language mixes the other alphabets with Latin.
    return char in _LOOK_ALIKES or _script(char) in _ALPHABETS - {"GREEK"}


def _escape_foreign(word: str, genuine: set[str]) -> str:
    """Return ``word``; look-alikes are escaped unless the text is really in their script."""
    if word.isascii() or len(word) == 1:
        return word
    return "".join(
        _escaped(char) if char in _LOOK_ALIKES and _script(char) not in genuine else char
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
