"""Tables of settings: the names that a file may use, and what is built from their values."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from doorward.config.reading.document import Place
from doorward.config.reading.kinds import FilePath, Kind, Schema, Text, did_you_mean, require_type
from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private
from doorward.wire.shell_command import shell_command

_LONGEST_SECRET = 64 * 1024


@dataclass(frozen=True)
class Setting:
    """A setting: its name in the file, the kind of its value, and a sentence for its readers."""

    name: str
    kind: Kind
    help: str
    required: bool = False
    source: Literal["value", "secret", "either"] = "value"
    """A secret is not in this file: ``NAME_file`` or ``NAME_env`` say where it is."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the file may have for this setting."""
        elsewhere = (f"{self.name}_file", f"{self.name}_env")
        plain = (self.name,)
        return {"value": plain, "secret": elsewhere, "either": plain + elsewhere}[self.source]

    def read(self, values: Mapping[str, Any], place: Place) -> Any:
        """
        Return the value that ``values`` have under one of the names, or ``None``.

        Raises:
            ConfigurationError: ``two-sources``, and what the kind and the source refuse.
        """
        given = [name for name in self.names if name in values]
        if not given:
            return None
        if len(given) > 1:
            raise ConfigurationError(
                "two-sources",
                f"{place.at(given[1])} is set, and {given[0]} as well.",
                f"Keep one of {' and '.join(given)}.",
            )
        (name,) = given
        if name == self.name:
            return self.kind.read(values[name], place.at(name))
        read = _read_file if name.endswith("_file") else read_environment
        return read(values[name], place.at(name))


@dataclass(frozen=True)
class Table(Kind):
    """A table of ``settings``; ``build`` makes an object of their values, which are its arguments."""

    settings: tuple[Setting, ...]
    build: Callable[..., Any] = dict

    def read(self, value: Any, place: Place) -> Any:
        """
        Return what ``build`` makes of the settings.

        Raises:
            ConfigurationError: with the file and the line: ``unknown-setting``, ``missing-setting``,
                ``secret-in-file``, or what kinds of values and ``build`` refuse.
        """
        require_type(value, dict, place, f"[{place.name}]")
        self._require_known(value, place)
        values: dict[str, Any] = {}
        for setting in self.settings:
            if (found := setting.read(value, place)) is not None:
                values[setting.name] = found
            if setting.required and setting.name not in values:
                raise ConfigurationError(
                    "missing-setting",
                    f"{place} has no {' or '.join(setting.names)}.",
                    f"Add {setting.names[0]}: {setting.help}",
                )
        with explained(place):
            return self.build(**values)

    def _require_known(self, value: Mapping[str, Any], place: Place) -> None:
        known = {name: setting for setting in self.settings for name in setting.names}
        for name in value:
            if name not in known and f"{name}_env" in known:
                raise ConfigurationError(
                    "secret-in-file",
                    f"{place.at(name)} is a secret, and secrets may not be in this file.",
                    f"Write it to a file with mode 0600 and set {name}_file to its path, or set"
                    f" {name}_env to the name of an environment variable. Replace the secret if"
                    " others could read this file.",
                )
            if name not in known:
                offered = f"Known here: {', '.join(known)}."
                raise ConfigurationError(
                    "unknown-setting",
                    f"{place.at(name)} is not a setting.",
                    did_you_mean(name, known) or offered,
                )

    def schema(self) -> Schema:
        """Return the schema of the table."""
        properties = {
            name: {"description": _described(setting, name), **_schema_of(setting, name)}
            for setting in self.settings
            for name in setting.names
        }
        found: Schema = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        if required := [one.name for one in self.settings if one.required and len(one.names) == 1]:
            found["required"] = required
        several = [
            {"oneOf": [{"required": [name]} for name in one.names]}
            for one in self.settings
            if one.required and len(one.names) > 1
        ]
        return {**found, "allOf": several} if several else found


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Add the file and the line to the ``ConfigurationError`` of what is built from ``place``."""
    try:
        yield
    except ConfigurationError as error:
        raise place.explain(error) from None


def walk(table: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield every setting of ``table`` and of the tables in it, with its path."""
    for setting in table.settings:
        here = (*path, setting.name)
        yield here, setting
        inner: Any = setting.kind
        while not isinstance(inner, Table) and hasattr(inner, "item"):
            inner = inner.item
        if isinstance(inner, Table):
            yield from walk(inner, here)


def _described(setting: Setting, name: str) -> str:
    if name == setting.name:
        return setting.help
    where = (
        "file that holds it, with mode 0600"
        if name.endswith("_file")
        else ("environment variable that holds it")
    )
    return f"The {where}. {setting.help}"


def _schema_of(setting: Setting, name: str) -> Schema:
    return setting.kind.schema() if name == setting.name else Text().schema()


def read_environment(value: Any, place: Place) -> str:
    """
    Return the secret in the environment variable that ``value`` names.

    Raises:
        ConfigurationError: ``no-secret-in-environment``.
    """
    # Does not show the name, and ``read_secret`` does not show the path of a file that does not
    # exist: people write the secret itself there by mistake.
    found = os.environ.get(Text('"DOORWARD_SECRET"').read(value, place), "").strip()
    if not found:
        raise ConfigurationError(
            "no-secret-in-environment",
            f"{place} names an environment variable that is not set.",
            "Set it for this process, or name a file instead.",
        )
    return found


def _read_file(value: Any, place: Place) -> str:
    return read_secret(FilePath().read(value, place), place)


def read_secret(path: Path, place: Place | str) -> str:
    """
    Return the secret in the file at ``path``, without the line end; ``place`` is what names it.

    Raises:
        ConfigurationError: ``unreadable-secret``, ``exposed-secret``, ``empty-secret``.
    """
    try:
        secret = read_private(path, most=_LONGEST_SECRET).decode("utf-8").strip()
    except Exposed as found:
        raise ConfigurationError(
            "exposed-secret",
            f"{place} names {path}, which other accounts can read or change (mode {found.mode}).",
            f"Run: {shell_command('chmod', '600', str(path))}",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(
            "unreadable-secret",
            f"{place} names a file that cannot be read: {why}.",
            "Write the secret alone to that file, for this account alone (chmod 600).",
        ) from None
    if not secret:
        raise ConfigurationError(
            "empty-secret",
            f"{place} names {path}, which is empty.",
            "Write the secret alone to that file.",
        )
    return secret
