"""The public API as lines of text, and which changes of it break programs of users.

``release/public_api.txt`` is the API of the last release; ``--write`` writes it for the next one.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import griffe

from release.installation import ROOT
from release.public_modules import MODULES

SNAPSHOT = Path(__file__).with_name("public_api.txt")
_KINDS = {
    griffe.ParameterKind.positional_only: "by position",
    griffe.ParameterKind.positional_or_keyword: "by position or name",
    griffe.ParameterKind.keyword_only: "by name",
    griffe.ParameterKind.var_positional: "any number",
    griffe.ParameterKind.var_keyword: "any names",
}
_VARIABLE = {griffe.ParameterKind.var_positional, griffe.ParameterKind.var_keyword}


@dataclass(frozen=True)
class Changes:
    """The difference between two APIs: what breaks a program of a user, and what does not."""

    breaking: tuple[str, ...]
    additive: tuple[str, ...]


def compare(old: Iterable[str], new: Iterable[str]) -> Changes:
    """
    Return what changed.

    What is gone or different breaks programs. So does a new argument that an old function requires.
    """
    before, after = set(old), set(new)
    owners = {_owner(line) for line in before}
    added = sorted(after - before)
    demanded = [line for line in added if line.endswith(", required") and _owner(line) in owners]
    gone = [f"- {line}" for line in sorted(before - after)]
    return Changes(
        breaking=(*gone, *(f"+ {line}" for line in demanded)),
        additive=tuple(f"+ {line}" for line in added if line not in demanded),
    )


def lines() -> list[str]:
    """Return the API as it is: a line for each name, argument, result and attribute."""
    package = griffe.load("doorward", search_paths=[ROOT / "src"], resolve_aliases=True)
    found = (package if name == "doorward" else package[name.partition(".")[2]] for name in MODULES)
    return sorted({line for module in found for line in _of_module(module)})


def _of_module(module: Any) -> Iterator[str]:
    for name in module.exports or _own_names(module):
        found = module[str(name)]
        # A function that is named as its file: importing it hides the file.
        yield from _of_object(
            f"{module.path}.{name}", found[found.name] if found.is_module else found
        )


def _own_names(module: Any) -> list[str]:
    return [
        name for name, member in module.members.items() if member.is_public and not member.is_alias
    ]


def _of_object(path: str, found: Any) -> Iterator[str]:
    if found.is_function:
        yield from _of_function(path, found)
    elif found.is_class:
        yield f"{path}: class"
        yield from _of_class(path, found)
    else:
        yield f"{path}: {found.annotation or 'a value'}"


def _of_class(path: str, cls: Any) -> Iterator[str]:
    for name, member in cls.all_members.items():
        if name in {"__init__", "__call__"}:
            yield from _of_function(path if name == "__init__" else f"{path}.{name}", member)
        elif not name.startswith("_") and member.canonical_path.startswith("doorward."):
            yield from _of_object(f"{path}.{name}", member)


def _of_function(path: str, function: Any) -> Iterator[str]:
    if function.name != "__init__":
        yield f"{path}() -> {function.returns or 'None'}"
    for parameter in function.parameters:
        if parameter.name in {"self", "cls"}:
            continue
        optional = parameter.default is not None or parameter.kind in _VARIABLE
        yield (
            f"{path}({parameter.name}): {parameter.annotation}, {_KINDS[parameter.kind]}, "
            f"{'optional' if optional else 'required'}"
        )


def _owner(line: str) -> str:
    return line.partition("(")[0].partition(":")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when nothing breaks, 1 when something does."""
    parser = argparse.ArgumentParser(prog="python -m release.public_api", description=__doc__)
    parser.add_argument(
        "old", nargs="?", type=Path, default=SNAPSHOT, help="the API to compare with"
    )
    parser.add_argument("--write", action="store_true", help="write it, as part of a release")
    options = parser.parse_args(arguments)
    if options.write:
        SNAPSHOT.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8")
        return 0
    changes = compare(options.old.read_text(encoding="utf-8").splitlines(), lines())
    print(f"{len(changes.breaking)} breaking", *changes.breaking, sep="\n")
    print(f"{len(changes.additive)} additive", *changes.additive, sep="\n")
    return 1 if changes.breaking else 0


if __name__ == "__main__":
    sys.exit(main())
