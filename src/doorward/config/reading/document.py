"""A configuration file: its values, and the line on which each of them is."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doorward.errors import ConfigurationError
from doorward.wire.shell_command import shell_command

_LARGEST = 1024 * 1024
_LINE_IN_ERROR = re.compile(r" ?\(at line ([0-9]+), column [0-9]+\)")

# Remedies in the notation of the file, where the original is in Python's.
_HINTS = {
    "exchange-scope": 'Map scopes to scopes of the target: { "mcp:tools" = ["orders:read"] }.',
    "no-resource": "Add [[mcp_servers]] with scopes, or [[authorization_server.resources]].",
    "nobody-allowed": 'Set allow = { domains = ["example.com"] }, or another condition.',
    "provider-authentication": 'Write the values as a list: required_amr = ["mfa"].',
    "provider-allows-nobody": 'Set allow = { domains = ["example.com"] }, or another condition.',
}

Key = str | int
KeyPath = tuple[Key, ...]


@dataclass(frozen=True)
class Document:
    """The text and the values of one configuration file."""

    path: Path
    lines: Sequence[str] = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)

    def line_of(self, path: KeyPath) -> int:
        """
        Return the line on which the value at ``path`` begins, or the table that would have it.

        The standard library's parser keeps no lines. So this searches for the shortest beginning of
        the file that parses and has the value; the value is its last statement.
        """
        while path and not _has(self.values, path):
            path = path[:-1]
        if not path:
            return 1
        low, high = 0, len(self.lines)
        while low < high:
            middle = (low + high) // 2
            if _has(self._before(middle), path):
                high = middle
            else:
                low = middle + 1
        # A value of several lines is complete on its last one.
        while high > 1 and self._parse(high - 1) is None:
            high -= 1
        return high

    def _before(self, end: int) -> Mapping[str, Any]:
        """Return the values of the statements that are complete within the first ``end`` lines."""
        return next(found for at in range(end, -1, -1) if (found := self._parse(at)) is not None)

    def _parse(self, end: int) -> Mapping[str, Any] | None:
        try:
            return tomllib.loads("\n".join(self.lines[:end]))
        except tomllib.TOMLDecodeError:
            return None


@dataclass(frozen=True)
class Place:
    """
    A setting in a file. As text, it is the file, the line and the setting: what a message begins with.

    ``str(place)`` is ``doorward.toml:12: authorization_server.issuer``.
    """

    document: Document
    path: KeyPath = ()

    def at(self, *keys: Key) -> "Place":
        """Return the place of a setting in this table."""
        return Place(self.document, (*self.path, *keys))

    @property
    def value(self) -> Any:
        """The value at this place, or ``None``."""
        found: Any = self.document.values
        for key in self.path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    @property
    def name(self) -> str:
        """The setting as people write it: ``mcp_servers[1].policy.unknown``."""
        return _named(self.path) or "the file"

    @property
    def file_line(self) -> str:
        """The file and the line: ``doorward.toml:12``."""
        return f"{self.document.path}:{self.document.line_of(self.path)}"

    def __str__(self) -> str:
        return f"{self.file_line}: {self.name}"

    def explain(self, error: ConfigurationError) -> ConfigurationError:
        """
        Return ``error`` with the file and the line of the setting that it is about.

        That is the setting whose value or name the message has, else this table.
        """
        named = self._blamed(error) or Place(self.document)._blamed(error, anywhere=True) or self
        hint = _HINTS.get(error.reason, error.hint)
        return ConfigurationError(error.reason, f"{named}: {error.problem}", hint)

    def _blamed(self, error: ConfigurationError, *, anywhere: bool = False) -> "Place | None":
        below = list(_leaves(self.value))
        # Deepest first: a scope that is quoted is in a list, which is in a rule, which is in a policy.
        tests = [(_begins, below[::-1]), (_quotes, below[::-1]), (_names, below)]
        # Elsewhere in the file, other settings have the same names.
        for is_about, paths in tests[1:2] if anywhere else tests:
            for path in paths:
                if is_about(error, path, self.at(*path).value):
                    return self.at(*path)
        return None


def read_document(path: Path) -> Document:
    """
    Return the configuration file at ``path``.

    Raises:
        ConfigurationError: ``unreadable-config-file``, ``exposed-config-file``,
            ``malformed-config-file``.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            "unreadable-config-file",
            f"The configuration file {path} cannot be read: {error.strerror}.",
            "Name an existing file, or write one with: doorward init.",
        ) from None
    # Who changes the file decides who may sign in. Many systems give each user a group of one, so
    # that the group may write.
    if os.name == "posix" and mode & stat.S_IWOTH and stat.S_ISREG(mode):
        raise ConfigurationError(
            "exposed-config-file",
            f"Every account of this machine can change {path} (mode {stat.S_IMODE(mode):04o}).",
            f"Run: {shell_command('chmod', 'o-w', str(path))}",
        )
    if len(data) > _LARGEST:
        raise _malformed(f"{path} is larger than 1 MiB.")
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _malformed(f"{path} is not UTF-8 text.") from None
    lines = text.split("\n")
    try:
        return Document(path, lines, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        # The parser's message has no text of the file, which could be a secret.
        found = _LINE_IN_ERROR.search(str(error))
        line = found[1] if found else len(lines)
        problem = _LINE_IN_ERROR.sub("", str(error)).replace(" (at end of document)", "")
        raise _malformed(f"{path}:{line}: {problem}.") from None
    except RecursionError:
        raise _malformed(f"{path} is nested too deeply.") from None


def _malformed(problem: str) -> ConfigurationError:
    return ConfigurationError(
        "malformed-config-file",
        problem,
        'Write the file in TOML: name = "text", name = 60, [table], [[list of tables]].',
    )


def _has(values: Any, path: KeyPath) -> bool:
    for key in path:
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _named(path: KeyPath) -> str:
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key + 1}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", key) is not None
            text += ("." if text else "") + (key if plain else f'"{key}"')
    return text


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every setting below ``value``, tables before their settings."""
    if path:
        yield path
    inside: Iterator[tuple[Key, Any]] | enumerate[Any] = iter(())
    if isinstance(value, Mapping):
        inside = iter(value.items())
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, one in inside:
        yield from _leaves(one, (*path, key))


def _begins(error: ConfigurationError, path: KeyPath, _value: Any) -> bool:
    """Return whether the sentence begins with the setting: ``lifetimes.code is 600 seconds``."""
    words = re.match(r"[a-z_.]+", error.problem)
    return words is not None and words[0] in (_named(path), _named(path[-1:]))


def _quotes(error: ConfigurationError, path: KeyPath, value: Any) -> bool:
    """Return whether the sentence quotes the value of the setting, or the name in the file."""
    return any(
        one and repr(one) in error.problem for one in (value, path[-1]) if isinstance(one, str)
    )


def _names(error: ConfigurationError, path: KeyPath, _value: Any) -> bool:
    """Return whether the sentence, or the remedy, names the setting."""
    return str(path[-1]) in re.findall(r"[a-z_]+", f"{error.problem} {error.hint}")
