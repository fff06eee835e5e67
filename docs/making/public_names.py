"""The public names of the package, read from the source: where each is defined, and its examples."""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from release.public_modules import MODULES

SOURCE = Path(__file__).parents[2] / "src"
EXAMPLE = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Docstring:
    """A docstring and its place: ``path`` is the module and the names, ``file`` has the source."""

    path: str
    file: Path
    text: str

    def examples(self) -> list[str]:
        """Return the code of its examples."""
        return [textwrap.dedent(found[2]) for found in EXAMPLE.finditer(self.text)]

    def mentioned(self) -> frozenset[str]:
        """Return the names that its examples use."""
        nodes = (node for code in self.examples() for node in ast.walk(ast.parse(code)))
        return frozenset(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in nodes
            if isinstance(node, ast.Name | ast.Attribute)
        )


@dataclass(frozen=True)
class PublicName:
    """
    A name that users import from ``module``, and its docstrings.

    ``docstrings`` begins with its own, which may be empty. Those of its methods follow.
    """

    module: str
    name: str
    defined_in: str
    docstrings: tuple[Docstring, ...]

    @property
    def path(self) -> str:
        """What a program imports."""
        return f"{self.module}.{self.name}"


@cache
def public_names(module: str) -> tuple[PublicName, ...]:
    """Return the public names of a module, sorted."""
    tree = _parsed(file_of(module))
    imported = {
        (alias.asname or alias.name): (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = []
    for name in _exported(tree):
        defined_in, original = imported.get(name, (module, name))
        while (moved := _imported(defined_in, original)) is not None:
            defined_in, original = moved
        found.append(PublicName(module, name, defined_in, _docstrings(defined_in, original)))
    return tuple(found)


@cache
def every_name() -> tuple[PublicName, ...]:
    """Return every public name once: from the module that users import it from, not from the root."""
    found: dict[tuple[str, str], PublicName] = {}
    for module in MODULES:
        if module != "doorward":
            for one in public_names(module):
                found.setdefault((one.defined_in, one.name), one)
    return tuple(found.values())


def module_docstring(module: str) -> Docstring:
    """Return the docstring of a module."""
    file = file_of(module)
    return Docstring(module, file, ast.get_docstring(_parsed(file)) or "")


def file_of(module: str) -> Path:
    """Return the file of a module of the package."""
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return sorted(ast.literal_eval(node.value), key=str.lower)
    # In the order of the file, which has the root of a tree first.
    return [
        node.name
        for node in tree.body
        if isinstance(node, _Definition) and not node.name.startswith("_")
    ]


def _imported(module: str, name: str) -> tuple[str, str] | None:
    """Return where ``module`` imports ``name`` from, or ``None`` if it defines it."""
    for node in ast.walk(_parsed(file_of(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module.startswith("doorward"):
                    return node.module, alias.name
    return None


def _docstrings(module: str, name: str) -> tuple[Docstring, ...]:
    file = file_of(module)
    body = _parsed(file).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, _Definition) and node.name == name:
            return tuple(_of_definition(node, f"{module}.{name}", file))
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            return (Docstring(f"{module}.{name}", file, _text(following)),)
    raise LookupError(f"{module} does not define {name}")


def _of_definition(node: _Definition, path: str, file: Path) -> Iterator[Docstring]:
    yield Docstring(path, file, ast.get_docstring(node) or "")
    for member in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(member, _Definition) and (text := ast.get_docstring(member)):
            yield Docstring(f"{path}.{member.name}", file, text)


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _text(node: ast.stmt | None) -> str:
    """Return the docstring of a constant, which follows it."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""
