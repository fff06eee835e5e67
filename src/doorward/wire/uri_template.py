"""URI templates, as far as they can be read backwards without a doubt."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_VARIABLE = re.compile(r"\{(\+?)([A-Za-z_][A-Za-z0-9_]{0,63})\}")
_LITERAL = re.compile(r"[\x21-\x7e]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class UriTemplate:
    """
    A template such as ``notes://{owner}/{+path}``, and the values that a URI gives its variables.

    ``{name}`` stands for one segment, ``{+name}`` for several with their slashes.
    """

    text: str
    variables: tuple[str, ...]
    literals: tuple[str, ...]
    across_segments: frozenset[str]

    def match(self, uri: str) -> dict[str, str] | None:
        """
        Return the decoded value of each variable, or ``None`` when the URI is not of this template.

        No value is empty or climbs: none contains ``..`` as a segment, a backslash, a control
        character, or, where one segment is asked for, a slash; not even an encoded one.

        Spec: RFC 6570 §1.4, §3.2.2, §3.2.3
        """
        first, last = self.literals[0], self.literals[-1]
        end = len(uri) - len(last)
        if not (uri.startswith(first) and uri.endswith(last)) or end < len(first):
            return None
        values: dict[str, str] = {}
        start = len(first)
        # Found from left to right and never tried again: a pattern with several wildcards would
        # take quadratic time on a URI that is made for it.
        for name, following in zip(self.variables, self.literals[1:], strict=True):
            is_last = len(values) == len(self.variables) - 1
            stop = end if is_last else uri.find(following, start + 1, end)
            value = _decoded(uri[start:stop]) if stop > start else None
            if value is None or not _is_tame(value, several=name in self.across_segments):
                return None
            values[name] = value
            start = stop + len(following)
        return values


def is_template(text: str) -> bool:
    """Say whether ``text`` has variables, so that it stands for many URIs."""
    return "{" in text or "}" in text


def read_uri_template(text: str) -> UriTemplate | None:
    """
    Return the template in ``text``, or ``None`` when it could be read backwards in two ways.

    Each variable has a name of its own and is followed by some letter before the next one; all
    operators of RFC 6570 but ``+`` are refused.
    """
    parts = _VARIABLE.split(text)
    literals, operators, names = tuple(parts[0::3]), parts[1::3], tuple(parts[2::3])
    if not names or len(set(names)) != len(names) or not literals[0]:
        return None
    if not all(literals[1:-1]) or any(is_template(literal) for literal in literals):
        return None
    if not all(_LITERAL.fullmatch(literal) for literal in literals):
        return None
    across = frozenset(name for name, operator in zip(names, operators, strict=True) if operator)
    return UriTemplate(text, names, literals, across)


def _decoded(value: str) -> str | None:
    if _BROKEN_ESCAPE.search(value):
        return None
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return None


def _is_tame(value: str, *, several: bool) -> bool:
    if "\\" in value or not value.isprintable() or ".." in value.split("/"):
        return False
    return several or not any(letter in value for letter in "/?#")
