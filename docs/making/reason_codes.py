"""The catalogue of reason codes, read from the source: what each means, and what to do about it."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docs.making import where_to_act

import doorward
from doorward.client.refusals import ClientRefused
from doorward.errors import ConfigurationError, DoorwardError, HttpError

SOURCE = Path(doorward.__file__).parent


@dataclass(frozen=True)
class HttpCode:
    """The code of an error class that becomes an HTTP answer."""

    code: str
    kind: type[HttpError]
    raised: bool

    @property
    def happened(self) -> str:
        """The first sentence of the class."""
        return _first_paragraph(self.kind)


@dataclass(frozen=True)
class Reason:
    """A reason that a call site gives; values in ``problem`` and ``hint`` are shown as ``…``."""

    code: str
    kind: type[DoorwardError]
    problem: str
    hint: str
    place: str


_IN_THE_CLEAR = "Give an https address (http is for localhost alone)."
_ABSOLUTE = "Give an absolute https URL without query or fragment, such as …."
# Reasons that no AST search finds, because they are put together or handed on under a name.
COMPOSED = tuple(
    Reason(code, ConfigurationError, problem, hint, place)
    for code, problem, hint, place in (
        ("not-a-resource", "… is not a resource.", _ABSOLUTE, "wire/address.py"),
        ("not-an-issuer", "… is not an issuer.", _ABSOLUTE, "wire/address.py"),
        ("insecure-resource", "The resource … is plain http.", _IN_THE_CLEAR, "wire/address.py"),
        ("insecure-issuer", "The issuer … is plain http.", _IN_THE_CLEAR, "wire/address.py"),
        ("insecure-token-endpoint", "… is plain http.", _IN_THE_CLEAR, "downstream/grants.py"),
        ("insecure-lookup", "The lookup at … is plain http.", _IN_THE_CLEAR, "tokens/opaque"),
    )
)


@cache
def error_classes() -> tuple[type[DoorwardError], ...]:
    """Return every error class of the package, in the order of the tree."""
    for module in pkgutil.walk_packages(doorward.__path__, "doorward."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # Tests draw branches of the tree too.
    return tuple(one for one in _tree(DoorwardError) if one.__module__.startswith("doorward."))


def _tree(kind: type[DoorwardError]) -> Iterator[type[DoorwardError]]:
    yield kind
    for child in sorted(kind.__subclasses__(), key=lambda one: (one.__module__, one.__qualname__)):
        yield from _tree(child)


@cache
def http_codes() -> tuple[HttpCode, ...]:
    """Return the code of every class that becomes HTTP, but for those that only group others."""
    used = _names_used()
    found = [
        HttpCode(kind.code, kind, kind.__name__ in used)
        for kind in error_classes()
        if issubclass(kind, HttpError)
    ]
    return tuple(one for one in found if one.raised or not one.kind.__subclasses__())


@cache
def reasons() -> tuple[Reason, ...]:
    """Return every reason that a call site gives, in the order of the files."""
    kinds = {
        one.__name__: one
        for one in error_classes()
        if "reason" in inspect.signature(one.__init__).parameters
    }
    found = [reason for path, module in _modules() for reason in _reasons_of(path, module, kinds)]
    return (*found, *COMPOSED)


def _reasons_of(
    path: str, module: ast.Module, kinds: dict[str, type[DoorwardError]]
) -> Iterator[Reason]:
    passing_on = {one.function: one for one in _passing_on(module, kinds)}
    for call in ast.walk(module):
        if not isinstance(call, ast.Call):
            continue
        name = _callee(call)
        direct = _PassingOn(name, name, 0, "", "") if name in kinds else passing_on.get(name)
        if direct is None or len(call.args) <= direct.position:
            continue
        texts = [_text(one) for one in call.args] + ["", "", ""]
        if texts[direct.position] and isinstance(call.args[direct.position], ast.Constant):
            problem, hint = direct.problem or texts[1], direct.hint or texts[2]
            yield Reason(texts[direct.position], kinds[direct.kind], problem, hint, path)


class _PassingOn(NamedTuple):
    """A function that raises with a reason which its callers give, at this position."""

    function: str
    kind: str
    position: int
    problem: str
    hint: str


def _passing_on(module: ast.Module, kinds: dict[str, type[DoorwardError]]) -> Iterator[_PassingOn]:
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = [one.arg for one in function.args.args]
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not call.args or _callee(call) not in kinds:
                continue
            reason = call.args[0]
            if isinstance(reason, ast.Name) and reason.id in names:
                problem, hint = ([_text(one) for one in call.args[1:]] + ["", ""])[:2]
                position = names.index(reason.id)
                yield _PassingOn(function.name, _callee(call), position, problem, hint)


def _callee(call: ast.Call) -> str:
    named = call.func
    if isinstance(named, ast.Attribute):
        return named.attr
    return named.id if isinstance(named, ast.Name) else ""


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(one) or "…" for one in node.values)
    return ""


@cache
def _names_used() -> frozenset[str]:
    """Return the names of classes that are used to make errors, and not only to catch them."""
    used: set[str] = set()
    for _, module in _modules():
        catching = {id(name) for node in ast.walk(module) for name in _catching(node)}
        used |= {
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(module)
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in catching
        }
    return frozenset(used)


def _catching(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes below ``node`` that name a class without making an error of it."""
    parts: list[ast.AST | None] = []
    if isinstance(node, ast.ClassDef):
        parts = [*node.bases]
    elif isinstance(node, ast.ExceptHandler):
        parts = [node.type]
    elif isinstance(node, ast.Call) and _callee(node) in ("isinstance", "issubclass"):
        parts = [*node.args]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts = [
            node.returns,
            *(one.annotation for one in ast.walk(node.args) if isinstance(one, ast.arg)),
        ]
    elif isinstance(node, ast.AnnAssign):
        parts = [node.annotation]
    for part in parts:
        if part is not None:
            yield from ast.walk(part)


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (str(path.relative_to(SOURCE)), ast.parse(path.read_text("utf-8")))
        for path in sorted(SOURCE.rglob("*.py"))
    )


def _first_paragraph(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


def page() -> str:
    """Return the page of reason codes, without its first line."""
    return "\n".join([*_INTRODUCTION, *_http_sections(), *_reason_sections()])


_INTRODUCTION = (
    "# Reason codes\n",
    "Look up a code from an error message, a log line or an audit event.",
    "Codes are stable and unique: programs may branch on them.\n",
    "## HTTP answers\n",
    "MCP endpoint and routes send the code as `error.data.reason`, the gateway as `error`.",
    "The authorization server logs it as `code`, and sends the OAuth error to the client.",
    "The correlation id in the answer finds the log line that says what was found and expected.\n",
)


def _http_sections() -> Iterator[str]:
    for one in sorted(http_codes(), key=lambda one: one.code):
        kind = one.kind
        error = f"`{kind.wire_error}`, " if kind.wire_error else ""
        yield f"### {one.code}\n\n{one.happened}\n"
        yield f"- **Response**: {kind.status}, {error}with the reason `{one.code}`"
        if kind.public:
            yield f"- **The client reads**: {kind.public}"
        yield f"- **What to do**: {kind.hint}"
        file = kind.__module__.removeprefix("doorward.").replace(".", "/")
        yield f"- **Where**: {where_to_act.of_reason(one.code, file, kind)}\n"


_FAMILIES = (
    (
        ConfigurationError,
        "Start-up and command line",
        "`ConfigurationError.reason`: the process does not start until the operator changes something.",
    ),
    (
        ClientRefused,
        "Client",
        "`reason` of the errors that the client raises and `doorward` prints.",
    ),
)


def _reason_sections() -> Iterator[str]:
    for family, title, sentence in _FAMILIES:
        yield f"## {title}\n\n{sentence}\n"
        shown: set[str] = set()
        for one in sorted(reasons(), key=lambda one: one.code):
            if issubclass(one.kind, family) and one.code not in shown:
                shown.add(one.code)
                yield f"### {one.code}\n\n{_in_one_line(one.problem)}\n"
                if one.hint:
                    yield f"- **What to do**: {_in_one_line(one.hint)}"
                yield f"- **Where**: {where_to_act.of_reason(one.code, one.place, one.kind)}\n"


def _in_one_line(text: str) -> str:
    return text.replace("\n", " ")
