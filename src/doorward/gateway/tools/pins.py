"""The accepted definitions of a server's tools, in a file that is reviewed like code."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from doorward.errors import ConfigurationError
from doorward.gateway.tools.definitions import digest, resembling
from doorward.wire.strict_json import NotStrictJson, parse_object

FORMAT = "doorward tools 1"


@dataclass(frozen=True)
class ToolChange:
    """One difference between the accepted tools and those of the server, with its lines."""

    name: str
    what: Literal["new", "changed", "gone"]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ToolPins:
    """
    The accepted tools by name, each with its whole definition.

    A tool is accepted if each member of its definition is the accepted one.
    """

    tools: Mapping[str, Mapping[str, Any]]
    _digests: Mapping[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        digests = {name: digest(tool) for name, tool in self.tools.items()}
        object.__setattr__(self, "_digests", digests)

    def accepts(self, tool: Mapping[str, Any]) -> bool:
        """Return whether this definition was accepted."""
        return self._digests.get(tool["name"]) == digest(tool)

    def changes(self, tools: Mapping[str, Mapping[str, Any]]) -> Iterator[ToolChange]:
        """Yield each difference between the accepted tools and ``tools``, by name."""
        for name in sorted({*self.tools, *tools}):
            before, after = self.tools.get(name), tools.get(name)
            if before is None:
                yield ToolChange(name, "new", _lines(None, after))
            elif after is None:
                yield ToolChange(name, "gone", _lines(before, None))
            elif digest(before) != digest(after):
                yield ToolChange(name, "changed", _lines(before, after))


def read_pins(path: Path) -> ToolPins:
    """
    Return the accepted tools in the file at ``path``; none if it does not exist.

    Raises:
        ConfigurationError: ``unreadable-tool-pins``.
    """
    try:
        document = parse_object(path.read_bytes())
        tools = document["tools"]
        if document["format"] != FORMAT or any(tools[name]["name"] != name for name in tools):
            raise KeyError("format")
        if len({resembling(name) for name in tools}) != len(tools):
            raise KeyError("names")
        return ToolPins(tools)
    except FileNotFoundError:
        return ToolPins({})
    except (OSError, NotStrictJson, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "unreadable-tool-pins",
            f"{path} is no file of accepted tools: {error!r}.",
            "Restore it, or remove it and run: doorward pins accept.",
        ) from None


def write_pins(path: Path, tools: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the accepted tools to ``path``, in an order that keeps differences small."""
    text = json.dumps({"format": FORMAT, "tools": tools}, indent=2, sort_keys=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text + "\n")
    # A process that reads it sees the old file or the new one.
    beside.replace(path)


def _lines(before: Any, after: Any) -> tuple[str, ...]:
    old, new = ([] if one is None else _pretty(one) for one in (before, after))
    found = difflib.unified_diff(old, new, n=1, lineterm="")
    return tuple(line for line in found if not line.startswith(("---", "+++", "@@")))


def _pretty(tool: Any) -> list[str]:
    # ASCII alone: direction marks and letters of no width are in no diff as themselves.
    return json.dumps(tool, indent=2, sort_keys=True).splitlines()
