"""A strict parser for ``application/x-www-form-urlencoded``."""

import re

from doorward.errors import BadRequest

_PLAIN = re.compile(rb"[^%+\x00\r\n\x80-\xff]*")
_DIGITS = "0123456789ABCDEFabcdef"
_ESCAPED = {(high + low).encode(): bytes.fromhex(high + low) for high in _DIGITS for low in _DIGITS}
# A line break could split a Location header, and a NUL ends a C string; no parameter needs them.
_FORBIDDEN = re.compile(r"[\x00\r\n]")
# Some parsers cut a name at a bracket ("iss[]") or drop spaces before it. Only names that every parser
# reads alike are accepted.
_NAME = re.compile(r"[A-Za-z0-9._~-]*")

MOST_PARAMETERS = 64


class MalformedParameters(BadRequest):
    """The query or form body is not urlencoded UTF-8, or contains NUL, CR or LF."""

    code = "malformed-parameters"
    public = "The parameters are not well-formed."
    hint = "Encode the parameters as application/x-www-form-urlencoded UTF-8."


class RepeatedParameter(BadRequest):
    """A parameter came twice, so two parsers could read two different requests."""

    code = "repeated-parameter"
    public = "A parameter must not be sent more than once."
    hint = "Send each parameter once."


def parse_parameters(data: bytes, *, repeatable: frozenset[str] = frozenset()) -> "Parameters":
    """
    Return the parameters in a query string or form body.

    ``b"a=1&b=2"`` gives ``{"a": "1", "b": "2"}``. A parameter without a value counts as absent.
    Names in ``repeatable`` may come several times (RFC 8707 allows it for ``resource``); read them
    with ``all_of``.

    Raises:
        MalformedParameters: 400 ``invalid_request``.
        RepeatedParameter: 400 ``invalid_request``.

    Spec: RFC 6749 §3.1, §3.2, appendix B
    """
    found: dict[str, list[str]] = {}
    pieces = [piece for piece in data.split(b"&") if piece]
    if len(pieces) > MOST_PARAMETERS:
        raise MalformedParameters(f"{len(pieces)} parameters, at most {MOST_PARAMETERS} are read")
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        found.setdefault(_decode(name), []).append(_decode(value))
    # Counted before empty values are dropped: "state=&state=x" is a repeated parameter.
    for key, values in found.items():
        if len(values) > 1 and key not in repeatable:
            raise RepeatedParameter(f"{key[:64]!r} came {len(values)} times")
    return Parameters({key: kept for key, values in found.items() if (kept := _filled(values))})


def problem_with_names(query: str, taken: frozenset[str], whose: str) -> str | None:
    """
    Return what is wrong with the names in ``query``, to which more parameters will be added.

    ``taken`` are the names that the sender of ``whose`` adds. ``None`` means that no parser finds one
    of them twice.

    Spec: RFC 6749 §3.1
    """
    # Some parsers split at ";" too.
    names = [pair.partition("=")[0] for pair in re.split("[&;]", query)]
    if not all(_NAME.fullmatch(name) for name in names):
        return "has a query parameter whose name has other characters than letters, digits, - . _ ~"
    # Some parsers ignore case, or read dots and dashes as underscores.
    if not taken.isdisjoint(re.sub("[.-]", "_", name.lower()) for name in names):
        return f"has a query parameter that {whose} itself uses"
    return None


class Parameters(dict[str, list[str]]):
    """The parameters of one request: at most one value each, unless declared repeatable."""

    def one(self, name: str) -> str | None:
        """Return the value of ``name``, or ``None`` if it is absent."""
        values = super().get(name)
        return values[0] if values else None

    def all_of(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name``, in order."""
        return tuple(super().get(name, ()))

    def __repr__(self) -> str:
        # Values can be codes, passwords and verifiers; only the names may reach a log.
        return f"Parameters({sorted(self)})"


def _filled(values: list[str]) -> list[str]:
    return [value for value in values if value]


def _decode(piece: bytes) -> str:
    if _PLAIN.fullmatch(piece):
        return piece.decode("ascii")
    try:
        if not piece.isascii():
            raise MalformedParameters("a parameter is not UTF-8")
        plain, *escaped = piece.replace(b"+", b" ").split(b"%")
        decoded = b"".join([plain, *(_ESCAPED[one[:2]] + one[2:] for one in escaped)]).decode()
    except KeyError:
        raise MalformedParameters("a percent sign without two hexadecimal digits") from None
    except UnicodeDecodeError:
        raise MalformedParameters("a parameter is not UTF-8") from None
    if _FORBIDDEN.search(decoded):
        raise MalformedParameters("a parameter holds NUL, CR or LF")
    return decoded
