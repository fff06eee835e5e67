"""Filters for untrusted text on pages.

Escaping stops text from becoming markup. These filters stop it from misleading a reader: with
bidirectional overrides, invisible characters, closing quotation marks or extreme length. They are
not validation: the shown text may differ from the compared one.
"""

import re
import unicodedata
from urllib.parse import quote

from doorward.wire.safe_text import BLANKS, seen

_QUOTES = str.maketrans(dict.fromkeys('"“”„‟«»〝〞＂', "'"))
_EVERY_URI_CHARACTER = "%:/?#[]@!$&'()*+,;=-._~"

# A browser would run these schemes, or open local content.
_LINK = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]*):[\x21\x23-\x3b\x3d\x3f-\x7e]+", re.IGNORECASE)
_NEVER_A_LINK = frozenset(
    {"about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source"}
)


def plain(text: str, limit: int = 80) -> str:
    """
    Return ``text`` on one line, without invisible characters, at most ``limit`` characters long.

    ``"pay\\u200bpal\\n"`` becomes ``"paypal"``. Control, format and bidirectional characters are
    removed, and blanks become one space. A letter keeps at most two combining marks, because more
    would cover other lines. Does not escape markup.

    Spec: RFC 7591 §5; UTS #36 §2
    """
    # Cut first: to show 80 characters, the rest of a huge text need not be read.
    composed = unicodedata.normalize("NFC", text[: limit * 8])
    shown = " ".join("".join(_visible(composed)).split())
    if len(shown) > limit or len(text) > limit * 8:
        return shown[: limit - 1].rstrip() + "…"
    return shown


def quoted(text: str, limit: int = 80) -> str:
    """
    Return ``plain(text)`` without quotation marks that could end the quotation around it.

    Otherwise, the name ``Mail” by the bank “`` would read like a statement of this server.
    """
    return plain(text, limit).translate(_QUOTES)


def visible_uri(uri: str, limit: int = 160) -> str:
    """
    Return ``uri`` in ASCII, with other characters percent-encoded, at most ``limit`` characters.

    A longer URI is shortened in the middle: its start names the host, and its end tells two URIs of
    one application apart.
    """
    shown = quote(uri[: limit * 8], safe=_EVERY_URI_CHARACTER, errors="replace")
    if len(shown) <= limit and len(uri) <= limit * 8:
        return shown
    tail = quote(uri[-limit // 4 :], safe=_EVERY_URI_CHARACTER, errors="replace")[-limit // 4 :]
    return f"{shown[: limit - len(tail) - 1]}…{tail}"


def link(uri: str) -> str | None:
    """
    Return ``uri`` if it may be the target of a link, or ``None``.

    Escaping does not make ``javascript:`` safe.

    Spec: RFC 8252 §7.1; RFC 9700 §4.11
    """
    found = _LINK.fullmatch(uri)
    return uri if found and found["scheme"].lower() not in _NEVER_A_LINK else None


def _visible(text: str) -> list[str]:
    shown: list[str] = []
    for char, fit in seen(text):
        if char in BLANKS or char.isspace():
            shown.append(" ")
        elif fit:
            shown.append(char)
    return shown
