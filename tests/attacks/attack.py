"""
An attack is a test that runs twice: against the server as it is, and without the defence.

The second run replaces the named conditions of the named functions, and the attack must then succeed.
So a test cannot pass because its attack would not have worked anyway.
"""

import ast
import inspect
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from sqlalchemy.sql import ClauseElement

ROOT = Path(__file__).parents[2]
WITH, WITHOUT = "with its defence", "without its defence"

AttackTest = Callable[..., Any]


@dataclass(frozen=True)
class Defence:
    """
    Conditions of one function, and what stands in their place once the defence is removed.

    ``function`` is ``module:qualified.name``, of a function or of a statement that a module keeps.
    Each condition must be in its source exactly once, so a defence that moves or changes is noticed.
    """

    function: str
    conditions: Mapping[str, str]

    @property
    def file(self) -> str:
        """The file of the function, from the root of the repository."""
        return str(
            Path(inspect.getsourcefile(self._found() or self._module()) or "").relative_to(ROOT)
        )

    def remove(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the conditions for the length of a test, in every place that calls the function."""
        function = self._found()
        if function is None:
            self._compose_again(monkeypatch)
            return
        source = self._without(textwrap.dedent(inspect.getsource(function)))
        tree = ast.parse(source)
        defined = tree.body[0]
        assert isinstance(defined, ast.FunctionDef | ast.AsyncFunctionDef)
        defined.decorator_list = []
        made: dict[str, Any] = {}
        exec(compile(tree, self.function, "exec"), {**function.__globals__}, made)
        monkeypatch.setattr(function, "__code__", made[function.__name__].__code__)

    def _without(self, source: str) -> str:
        for condition, instead in self.conditions.items():
            assert source.count(condition) == 1, f"{self.function} has not got {condition!r} once"
            source = source.replace(condition, instead)
        return source

    def _compose_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module, name = self._module(), self.function.partition(":")[2]
        source = inspect.getsource(module)
        (assigned,) = (
            one.value
            for one in ast.parse(source).body
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == name
        )
        statement = self._without(ast.get_source_segment(source, assigned) or "")
        monkeypatch.setattr(module, name, eval(f"({statement})", vars(module)))

    def _module(self) -> ModuleType:
        return import_module(self.function.partition(":")[0])

    def _found(self) -> FunctionType | None:
        found: Any = self._module()
        for name in self.function.partition(":")[2].split("."):
            found = inspect.getattr_static(found, name)
        if isinstance(found, ClauseElement):
            return None
        if isinstance(found, property):
            found = found.fget
        found = inspect.unwrap(getattr(found, "__func__", found))
        assert isinstance(found, FunctionType), self.function
        return found


@dataclass(frozen=True)
class Attack:
    """A class of attack: what happened, where that was published, what stops it here, which test."""

    what: str
    sources: str
    defences: tuple[Defence, ...]
    none_needed: str
    test: str


ATTACKS: list[Attack] = []


def attack(
    what: str, sources: str, *defences: Defence, none_needed: str = ""
) -> Callable[[AttackTest], AttackTest]:
    """
    Mark a test as an attack; it returns what the attacker got, and nothing if that was nothing.

    ``what`` says what the attacker does. ``none_needed`` says why there is no defence to remove.
    """
    assert bool(defences) != bool(none_needed), "name the defences, or why there are none"
    runs = [WITH, WITHOUT] if defences else [WITH]

    def mark(test: AttackTest) -> AttackTest:
        name = f"{Path(inspect.getsourcefile(test) or '').name}::{test.__name__}"
        ATTACKS.append(Attack(what, sources, defences, none_needed, name))
        given = inspect.signature(test).parameters

        @wraps(test)
        async def run(*, run_of: str, monkeypatch: pytest.MonkeyPatch, **fixtures: Any) -> None:
            if run_of == WITHOUT:
                for defence in defences:
                    defence.remove(monkeypatch)
            known = {**fixtures, "monkeypatch": monkeypatch, "run_of": run_of}
            loot = test(**{name: known[name] for name in given})
            if isinstance(loot, Awaitable):
                loot = await loot
            if run_of == WITH:
                assert not loot, f"the attacker got {loot!r}"
            else:
                assert loot, "the attack fails without its defence too, so it proves nothing"

        own = list(inspect.signature(run, follow_wrapped=False).parameters.values())[:2]
        parameters = {one.name: one for one in [*given.values(), *own]}
        run.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
        marked: AttackTest = pytest.mark.parametrize("run_of", runs)(run)
        return marked

    return mark
