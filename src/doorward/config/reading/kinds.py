"""The kinds of values in a configuration file: each reads a value, and describes itself as a schema."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from doorward.config.reading.document import Place
from doorward.errors import ConfigurationError
from doorward.wire.strict_json import NotStrictJson, parse_object

Schema = dict[str, Any]

_TYPES = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


class Kind(ABC):
    """A kind of value."""

    @abstractmethod
    def read(self, value: Any, place: Place) -> Any:
        """
        Return the value that a setting gets.

        Raises:
            ConfigurationError: with the file, the line and the setting.
        """

    @abstractmethod
    def schema(self) -> Schema:
        """Return the JSON Schema of the value."""


def require_type(value: Any, wanted: type | tuple[type, ...], place: Place, example: str) -> None:
    """
    Return if ``value`` has the type ``wanted``. Never shows the value, which may be a secret.

    Raises:
        ConfigurationError: ``malformed-setting``.
    """
    types = wanted if isinstance(wanted, tuple) else (wanted,)
    # In Python, true is a number.
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return
    raise ConfigurationError(
        "malformed-setting",
        f"{place} must be {_TYPES.get(types[0], 'another value')}, not {_type_of(value)}.",
        f"Write, for example: {example}",
    )


def _type_of(value: Any) -> str:
    return _TYPES.get(type(value), "a date or a time")


@dataclass(frozen=True)
class Text(Kind):
    """A text, such as a URL or a name."""

    example: str = '"text"'

    def read(self, value: Any, place: Place) -> str:
        """Return the text unchanged."""
        require_type(value, str, place, self.example)
        if not value:
            raise ConfigurationError(
                "empty-setting", f"{place} is empty.", "Give it a value between the quotes."
            )
        return str(value)

    def schema(self) -> Schema:
        """Return the schema of a text."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any, place: Place) -> str:
        """Return the word."""
        require_type(value, str, place, f'"{self.words[0]}"')
        if value not in self.words:
            raise ConfigurationError(
                "unknown-choice",
                f"{place} is {value[:100]!r}.",
                f"{did_you_mean(value, self.words)} Use one of: {', '.join(self.words)}.".strip(),
            )
        return str(value)

    def schema(self) -> Schema:
        """Return the schema of these words."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Flag(Kind):
    """True or false."""

    def read(self, value: Any, place: Place) -> bool:
        """Return the flag."""
        require_type(value, bool, place, "true")
        return bool(value)

    def schema(self) -> Schema:
        """Return the schema of a flag."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number(Kind):
    """A number of at least ``least``; ``whole`` numbers have no fraction."""

    least: float = 0
    whole: bool = False

    def read(self, value: Any, place: Place) -> float:
        """Return the number."""
        require_type(value, (int,) if self.whole else (int, float), place, "60")
        # TOML has inf and nan, which no limit is meant to be.
        if not math.isfinite(value) or value < self.least:
            raise ConfigurationError(
                "number-too-small",
                f"{place} is {value}; it must be a number of at least {self.least:g}.",
                f"Use {self.least:g} or more.",
            )
        return value  # type: ignore[no-any-return]  # checked above

    def schema(self) -> Schema:
        """Return the schema of such a number."""
        return {"type": "integer" if self.whole else "number", "minimum": self.least}


@dataclass(frozen=True)
class Moment(Kind):
    """A date and time with its zone, or seconds since 1970; read as seconds."""

    def read(self, value: Any, place: Place) -> float:
        """Return the time in seconds since 1970."""
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.timestamp()
        require_type(value, (int, float), place, "2026-11-30T12:00:00Z")
        return float(Number().read(value, place))

    def schema(self) -> Schema:
        """Return the schema of a time: TOML's date is a text for editors."""
        return {"type": ["number", "string"]}


@dataclass(frozen=True)
class FilePath(Kind):
    """The path of a file or folder; a relative one is in the folder of the configuration file."""

    def read(self, value: Any, place: Place) -> Path:
        """Return the path."""
        return place.document.path.parent / Path(Text('"file"').read(value, place)).expanduser()

    def schema(self) -> Schema:
        """Return the schema of a path."""
        return Text().schema()


@dataclass(frozen=True)
class JsonFile(Kind):
    """The path of a file with a JSON object; read as that object."""

    def read(self, value: Any, place: Place) -> Mapping[str, Any]:
        """Return the object in the file."""
        path = FilePath().read(value, place)
        try:
            return parse_object(path.read_bytes())
        except (OSError, NotStrictJson) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(
                "unreadable-json-file",
                f"{place} names {path}, which is no JSON object: {why}.",
                "Name a file with a JSON object.",
            ) from None

    def schema(self) -> Schema:
        """Return the schema of a path."""
        return Text().schema()


@dataclass(frozen=True)
class JsonSchema(Kind):
    """A JSON Schema, written as a table. What uses it checks its keywords."""

    def read(self, value: Any, place: Place) -> Mapping[str, Any]:
        """Return the schema."""
        require_type(value, dict, place, '{ type = "integer", maximum = 100 }')
        return dict(value)

    def schema(self) -> Schema:
        """Return the schema of a table."""
        return {"type": "object", "minProperties": 1}


@dataclass(frozen=True)
class Checked(Kind):
    """A text that ``check`` accepts; it raises ``ValueError`` for another."""

    check: Callable[[str], object]
    expected: str
    example: str

    def read(self, value: Any, place: Place) -> str:
        """Return the text unchanged."""
        text = Text(self.example).read(value, place)
        try:
            self.check(text)
        except ValueError:
            raise ConfigurationError(
                "not-in-notation",
                f"{place} is {text[:100]!r}; expected {self.expected}.",
                f"Write, for example: {self.example}",
            ) from None
        return text

    def schema(self) -> Schema:
        """Return the schema of a text."""
        return Text().schema()


NETWORK = Checked(
    lambda text: ip_network(text, strict=False), "an IP address or network", '"10.0.0.0/8"'
)
"""An IP address or network."""


@dataclass(frozen=True)
class Items(Kind):
    """A list of values of one kind, collected by ``collect`` into a tuple or a set."""

    item: Kind = field(default_factory=Text)
    collect: Callable[[list[Any]], Any] = tuple

    def read(self, value: Any, place: Place) -> Any:
        """Return the values."""
        require_type(value, list, place, '["one", "two"]')
        return self.collect([self.item.read(one, place.at(n)) for n, one in enumerate(value)])

    def schema(self) -> Schema:
        """Return the schema of the list."""
        return {"type": "array", "items": self.item.schema()}


WORDS = Items(Text(), frozenset)
"""A list of texts whose order has no meaning."""


@dataclass(frozen=True)
class OneOrMore(Kind):
    """One value, or a list of values of which one is enough; read as a tuple."""

    item: Kind = field(default_factory=Text)

    def read(self, value: Any, place: Place) -> tuple[Any, ...]:
        """Return the values."""
        if isinstance(value, list):
            return tuple(Items(self.item).read(value, place))
        return (self.item.read(value, place),)

    def schema(self) -> Schema:
        """Return the schema of a value or a list."""
        return {"oneOf": [self.item.schema(), Items(self.item).schema()]}


@dataclass(frozen=True)
class Named(Kind):
    """A table whose names the operator chooses; all values have one kind."""

    item: Kind = field(default_factory=Text)

    def read(self, value: Any, place: Place) -> Mapping[str, Any]:
        """Return the values by name."""
        require_type(value, dict, place, '{ "mcp:tools" = … }')
        return {name: self.item.read(one, place.at(name)) for name, one in value.items()}

    def schema(self) -> Schema:
        """Return the schema of the table."""
        return {"type": "object", "additionalProperties": self.item.schema()}


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return "Did you mean …?" with the nearest of ``known``, or an empty text."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
