"""Settings from a file of ``NAME=VALUE`` lines, with a default for each that is not there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from doorward.errors import ConfigurationError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
_LONGEST = 64 * 1024
# <your-tenant>: copied from an example. Not braces, which a value may have.
_PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z _-]*>")


@dataclass(frozen=True)
class Environment:
    """The value of each requested name; ``notes`` has one sentence for each that was not set."""

    values: Mapping[str, str]
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.values[name]


def read_environment(
    path: Path | None, defaults: Mapping[str, str], process: Mapping[str, str]
) -> Environment:
    """
    Return a value for each name in ``defaults``: of ``process``, else of the file, else the default.

    A file that is not there and a name that is not set fall back to the documented default, and
    ``notes`` say so. A name whose default is empty is optional, and its absence no news. A default
    may be made of earlier values: ``{KEYCLOAK_URL}/realms/{KEYCLOAK_REALM}``.

    Raises:
        ConfigurationError: ``malformed-env-file``, the file is there and cannot be read as one;
            ``placeholder-setting``, a value is still the example's.
    """
    notes: list[str] = []
    written: dict[str, str] = {}
    if path is not None:
        try:
            written = parse_env(path.read_bytes()[:_LONGEST], str(path))
        except FileNotFoundError:
            notes.append(f"There is no file {path}; the defaults are used.")
        except OSError as error:
            raise _malformed(f"{path} cannot be read: {error.strerror}.") from None
    values: dict[str, str] = {}
    for name, default in defaults.items():
        given = process.get(name) or written.get(name)
        if given and (found := _PLACEHOLDER.search(given)):
            raise ConfigurationError(
                "placeholder-setting",
                f"The setting {name} has the placeholder {found[0]}.",
                f"Replace {found[0]} with your own value.",
            )
        values[name] = given or default.format_map(values)
        if not given and default:
            notes.append(f"{name} is not set; using {values[name]}.")
    return Environment(values, tuple(notes))


def parse_env(data: bytes, name: str) -> dict[str, str]:
    """
    Return what the lines of a file say; ``name`` is how messages call the file.

    Raises:
        ConfigurationError: ``malformed-env-file``, with the number of the line.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise _malformed(f"{name} is not UTF-8 text.") from None
    written: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        # Does not show the line: a line pasted by mistake may hold a secret.
        if found is None:
            raise _malformed(f"Line {number} of {name} is not NAME=VALUE.")
        written[found[1]] = _unquoted(found[2])
    return written


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def _malformed(problem: str) -> ConfigurationError:
    return ConfigurationError(
        "malformed-env-file",
        problem,
        "Write one setting per line, such as KEYCLOAK_REALM=mcp-realm; # begins a comment.",
    )
