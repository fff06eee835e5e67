"""Text that a stranger chose, made safe to read.

Escaping stops text from becoming markup. What is here stops it from becoming a different sentence:
turned round by a bidirectional override, padded with what cannot be seen, closing our quotation
marks, or pushing everything else off the screen. Nothing here is an admission check: what is shown
may differ from what is compared.
"""

import re
import unicodedata
from urllib.parse import quote

from doorward.wire.safe_text import BLANKS, seen

_QUOTES = str.maketrans(dict.fromkeys('"“”„‟«»〝〞＂', "'"))
_EVERY_URI_CHARACTER = "%:/?#[]@!$&'()*+,;=-._~"

# What an address of an application may never start with: a browser would run or read it here.
_LINK = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]*):[\x21\x23-\x3b\x3d\x3f-\x7e]+", re.IGNORECASE)
_NEVER_A_LINK = frozenset(
    {"about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source"}
)


def plain(text: str, limit: int = 80) -> str:
    """
    Return ``text`` on one line with everything in it visible, at most ``limit`` characters long.

    ``"pay\\u200bpal\\n"`` becomes ``"paypal"``. Control, format and bidirectional characters go,
    blanks become one space, and of many combining marks on one letter two stay, since a tower of
    them paints over its neighbours. Does not escape markup.

    Spec: RFC 7591 §5; UTS #36 §2
    """
    # Cut first: the rest of ten megabytes need not be read to show eighty characters.
    composed = unicodedata.normalize("NFC", text[: limit * 8])
    shown = " ".join("".join(_visible(composed)).split())
    if len(shown) > limit or len(text) > limit * 8:
        return shown[: limit - 1].rstrip() + "…"
    return shown


def quoted(text: str, limit: int = 80) -> str:
    """
    Return ``text`` as ``plain`` does, and unable to close the quotation marks it is shown in.

    Without this the name ``Mail” by the bank “`` reads as a statement of ours.
    """
    return plain(text, limit).translate(_QUOTES)


def visible_uri(uri: str, limit: int = 160) -> str:
    """
    Return ``uri`` in ASCII, with everything else percent-encoded, at most ``limit`` characters.

    A longer one loses its middle: the beginning names the host, and the end is what differs
    between two addresses of one application.
    """
    shown = quote(uri[: limit * 8], safe=_EVERY_URI_CHARACTER, errors="replace")
    if len(shown) <= limit and len(uri) <= limit * 8:
        return shown
    tail = quote(uri[-limit // 4 :], safe=_EVERY_URI_CHARACTER, errors="replace")[-limit // 4 :]
    return f"{shown[: limit - len(tail) - 1]}…{tail}"


def link(uri: str) -> str | None:
    """
    Return ``uri`` when a person may be led there by a link, and ``None`` when it must not be one.

    Escaping does not help here: ``javascript:`` needs no quotation mark.

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
