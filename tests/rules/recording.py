"""The functions of components, which record that they ran, and for whom."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.identity import Identity, current_identity
from doorward.integrations.declared_rules import requires
from tests.rules.model import Component, Execution


def words_for(caller: Identity | None) -> str:
    """Return words for a caller that are in no other caller's answers."""
    if caller is None:
        return "nobody"
    return f"[{caller.issuer} {caller.subject} {caller.client_id}]"


@dataclass
class Recorder:
    """What ran, recorded by the functions themselves."""

    executions: list[Execution] = field(default_factory=list)

    def ran(self, component: Component, values: Mapping[str, str] | None = None) -> str:
        """Record that ``component`` runs, and return what it answers."""
        caller = current_identity()
        self.executions.append(Execution(component, dict(values or {}), caller))
        return f"{component.marker} for {words_for(caller)}"

    def completed(self, component: Component) -> list[str]:
        """Record that an argument of ``component`` is completed, and return the completions."""
        self.executions.append(Execution(component, {}, current_identity(), is_completion=True))
        return [component.marker]


def function_of(
    component: Component, recorder: Recorder, *, with_rule: bool = True
) -> Callable[..., Any]:
    """Return the function of ``component``; ``with_rule`` writes its author's rule beside it."""
    made = _MAKERS[_variables(component)](component, recorder)
    made.__name__ = re.sub(r"\W", "_", component.marker)
    made.__doc__ = f"Do {component.marker}."
    if with_rule and (rule := component.declared) is not None:
        return requires(scopes=rule.scopes, roles=rule.roles, kinds=sorted(rule.kinds))(made)
    return made


def _variables(component: Component) -> tuple[str, ...]:
    if component.kind == "template":
        return tuple(re.findall(r"\{\+?(\w+)\}", component.pattern))
    return ("subject",) if component.kind == "prompt" else ()


def _without_values(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def run() -> str:
        return recorder.ran(component)

    return run


def _of_subject(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def run(subject: str = "") -> str:
        return recorder.ran(component)

    return run


def _of_name(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def run(name: str) -> str:
        return recorder.ran(component, {"name": name})

    return run


def _of_path(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def run(path: str) -> str:
        return recorder.ran(component, {"path": path})

    return run


def _of_owner_and_name(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def run(owner: str, name: str) -> str:
        return recorder.ran(component, {"owner": owner, "name": name})

    return run


_MAKERS: Mapping[tuple[str, ...], Callable[[Component, Recorder], Callable[..., Any]]] = {
    (): _without_values,
    ("subject",): _of_subject,
    ("name",): _of_name,
    ("path",): _of_path,
    ("owner", "name"): _of_owner_and_name,
}
