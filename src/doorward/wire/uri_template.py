"""URI templates that can be matched unambiguously."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_VARIABLE = re.compile(r"\{(\+?)([A-Za-z_][A-Za-z0-9_]{0,63})\}")
_LITERAL = re.compile(r"[\x21-\x7e]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class UriTemplate:
    """
    A template such as ``notes://{owner}/{+path}``, which extracts its variables from a URI.

    ``{name}`` matches one segment, ``{+name}`` one or more segments with their slashes.
    """

    text: str
    variables: tuple[str, ...]
    literals: tuple[str, ...]
    across_segments: frozenset[str]

    def match(self, uri: str) -> dict[str, str] | None:
        """
        Return the decoded value of each variable, or ``None`` if the URI does not match.

        No value is empty or leaves its folder: none contains a ``..`` segment, a backslash or a control
        character, even encoded. The value of a single segment contains no slash.

        Spec: RFC 6570 §1.4, §3.2.2, §3.2.3
        """
        first, last = self.literals[0], self.literals[-1]
        end = len(uri) - len(last)
        if not (uri.startswith(first) and uri.endswith(last)) or end < len(first):
            return None
        values: dict[str, str] = {}
        start = len(first)
        # Matched from left to right without backtracking: a pattern with several wildcards would
        # take quadratic time on a crafted URI.
        for name, following in zip(self.variables, self.literals[1:], strict=True):
            is_last = len(values) == len(self.variables) - 1
            stop = end if is_last else uri.find(following, start + 1, end)
            value = _decoded(uri[start:stop]) if stop > start else None
            if value is None or not _is_safe(value, several=name in self.across_segments):
                return None
            values[name] = value
            start = stop + len(following)
        return values


def is_template(text: str) -> bool:
    """Return whether ``text`` has variables, and so matches many URIs."""
    return "{" in text or "}" in text


def read_uri_template(text: str) -> UriTemplate | None:
    """
    Return the template in ``text``, or ``None`` if a URI could match it in two ways.

    Variable names must be unique, with at least one character between two variables. Of the operators
    of RFC 6570, only ``+`` is accepted.
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


def _is_safe(value: str, *, several: bool) -> bool:
    if "\\" in value or not value.isprintable() or ".." in value.split("/"):
        return False
    return several or not any(letter in value for letter in "/?#")
