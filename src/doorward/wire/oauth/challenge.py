"""A builder and a parser for ``WWW-Authenticate`` challenges."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from doorward.errors import DoorwardError

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))")
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)"')
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]*$")
_UNQUOTABLE = re.compile(r"[^\x20-\x7e]")


class MalformedChallenge(DoorwardError):
    """A ``WWW-Authenticate`` header does not follow the grammar."""

    code = "malformed-challenge"


class Challenge(NamedTuple):
    """
    One challenge: its scheme, and either parameters or one opaque ``token68``.

    The scheme and the parameter names are in lower case.
    """

    scheme: str
    params: Mapping[str, str]
    token68: str | None = None


def build_challenge(scheme: str, params: Iterable[tuple[str, str]]) -> str:
    """
    Return one challenge with every parameter quoted.

    ``build_challenge("Bearer", [("scope", "a b")])`` gives ``Bearer scope="a b"``. Characters that
    no header may contain become ``?``, so no value can inject another header.

    Spec: RFC 9110 §11.6.1; RFC 6750 §3
    """
    written = ", ".join(f'{name}="{_quote(value)}"' for name, value in params)
    return f"{scheme} {written}" if written else scheme


def _quote(value: str) -> str:
    return _UNQUOTABLE.sub("?", value).replace("\\", "\\\\").replace('"', '\\"')


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """
    Return the challenges of a ``WWW-Authenticate`` header, in order.

    Join several header lines with ``", "``. A comma separates both parameters and challenges; the text
    after it shows which.

    Raises:
        MalformedChallenge: the header does not follow the grammar, or a parameter comes twice.

    Spec: RFC 9110 §11.2, §11.6.1
    """
    found: list[Challenge] = []
    at = _skip_separator(header, 0, optional=True)
    while at < len(header):
        challenge, at = _one(header, at)
        found.append(challenge)
    return tuple(found)


def _one(text: str, at: int) -> tuple[Challenge, int]:
    scheme, at = _match(_TOKEN, text, at, "a scheme")
    after = _TOKEN68.match(text, _spaces(text, at))
    if after and _spaces(text, at) > at and _is_token68(text, after):
        return Challenge(scheme.lower(), {}, after.group()), _skip_separator(text, after.end())
    params: dict[str, str] = {}
    if _spaces(text, at) > at and _SEPARATOR.match(text, at) is None:
        at = _spaces(text, at)
        while _starts_parameter(text, at):
            name, value, at = _parameter(text, at)
            if name in params:
                raise MalformedChallenge(f"parameter {name!r} comes twice")
            params[name] = value
            at = _skip_separator(text, at)
        if not params:
            raise MalformedChallenge("neither a parameter nor a token follows the scheme")
        return Challenge(scheme.lower(), params), at
    return Challenge(scheme.lower(), params), _skip_separator(text, at)


def _is_token68(text: str, match: re.Match[str]) -> bool:
    # `Bearer a=b` is a parameter, `Negotiate a==` is a token68.
    return (
        not _starts_parameter(text, match.start()) or text[match.start() : match.end()][-1] == "="
    )


def _starts_parameter(text: str, at: int) -> bool:
    name = _TOKEN.match(text, at)
    if name is None:
        return False
    equals = _EQUALS.match(text, name.end())
    return equals is not None and equals.end() < len(text) and text[equals.end()] not in "=,"


def _parameter(text: str, at: int) -> tuple[str, str, int]:
    name, at = _match(_TOKEN, text, at, "a parameter")
    _, at = _match(_EQUALS, text, at, "an equals sign")
    quoted = _QUOTED.match(text, at)
    if quoted:
        return name.lower(), re.sub(r"\\(.)", r"\1", quoted.group(1)), quoted.end()
    value, at = _match(_TOKEN, text, at, "a value")
    return name.lower(), value, at


def _match(pattern: re.Pattern[str], text: str, at: int, what: str) -> tuple[str, int]:
    match = pattern.match(text, at)
    if match is None:
        raise MalformedChallenge(f"{what} was expected at position {at}")
    return match.group(), match.end()


def _spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _skip_separator(text: str, at: int, *, optional: bool = False) -> int:
    match = _SEPARATOR.match(text, at)
    if match is None:
        if optional:
            return _spaces(text, at)
        raise MalformedChallenge(f"a comma was expected at position {at}")
    return match.end()
