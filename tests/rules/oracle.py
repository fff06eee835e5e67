"""
What the rules of a server mean for the component that ran.

It asks no policy. It starts from the function that ran and the values that the function got; how
the request was spelled is not an input. No spelling can mislead both the oracle and the guard.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from doorward.identity import Identity
from doorward.policy import EVERY, Rule
from tests.rules.model import METHODS, Component, Execution, Model

_VARIABLE = re.compile(r"(\{\+?\w+\})")

# Values that no rule of any model is about.
PLAIN: dict[str, str] = {"name": "zz9", "path": "zz8/zz9", "owner": "zz7"}
# Of one to three segments: other templates may rule those of one length alone.
PATHS = ("zz9", "zz8/zz9", "zz7/zz8/zz9", "public/zz9")


def allowed(model: Model, execution: Execution) -> bool:
    """Say whether what ran was allowed for its caller."""
    return may(model, execution.caller, needs(model, execution.component, execution.values))


def may_use(model: Model, caller: Identity | None, component: Component) -> bool:
    """Say whether the caller may use a component; of a template, a URI without a rule of its own."""
    return may(model, caller, needs(model, component, PLAIN))


def may_reach(model: Model, caller: Identity | None, component: Component) -> bool:
    """Say whether the caller may use a component with any values at all."""
    if component.kind != "template":
        return may_use(model, caller, component)
    ruled = [name for of, name in model.rules if of == "resources/read"]
    texts = [meant(filled(name, PLAIN | {"path": path})) for name in ruled for path in PATHS]
    tried = [values_in(component.pattern, text) for text in texts]
    tried += [PLAIN | {"path": path} for path in PATHS]
    return any(may(model, caller, needs(model, component, one)) for one in tried if one is not None)


def may(model: Model, caller: Identity | None, rules: list[Rule] | None) -> bool:
    """Say whether the caller meets all of these rules; nobody meets ``None``."""
    return (
        caller is not None
        and rules is not None
        and all(
            caller.kind in rule.kinds
            and all(_holds(model, caller.scopes, scope) for scope in rule.scopes)
            and (not rule.roles or bool(rule.roles & caller.roles))
            for rule in rules
        )
    )


def _holds(model: Model, held: frozenset[str], wanted: str) -> bool:
    reached, todo = set[str](), list(held)
    while todo:
        if (scope := todo.pop()) not in reached:
            reached.add(scope)
            todo.extend(model.hierarchy.get(scope, ()))
    return wanted in reached


def needs(model: Model, component: Component, values: Mapping[str, str]) -> list[Rule] | None:
    """Return every rule for a component that runs with these values, ``None`` if nobody may run it."""
    declared = [component.declared] if component.declared is not None else []
    if component.kind == "route":
        return [model.base, *declared]
    written = list(_written(model, component, values))
    if not written and not declared:
        # An author's rule for a template is one for every URI that fits it, as an operator's is.
        declared = list(_declared_for_uri(model, component, values))
        if not declared and model.unknown == "deny":
            return None
    return [model.base, *written, *declared]


def _declared_for_uri(
    model: Model, component: Component, values: Mapping[str, str]
) -> Iterator[Rule]:
    if component.kind in ("resource", "template"):
        for one in model.of_kind("template"):
            if one.declared is not None and fits(one.pattern, text_of(component, values)):
                yield one.declared


def _written(model: Model, component: Component, values: Mapping[str, str]) -> Iterator[Rule]:
    """Yield the operator's rules: those for the name, else for templates, else for every name."""
    method = METHODS[component.kind]
    named = {name: rule for (of, name), rule in model.rules.items() if of == method}
    every = [named.pop(EVERY)] if EVERY in named else []
    if component.kind in ("tool", "prompt"):
        own = [named[component.name]] if component.name in named else []
    else:
        text = text_of(component, values)
        own = [rule for name, rule in named.items() if "{" not in name and meant(name) == text]
        own = own or [rule for name, rule in named.items() if "{" in name and fits(name, text)]
    yield from own or every


def text_of(component: Component, values: Mapping[str, str]) -> str:
    """Return the text of the resource that a component's function was asked for."""
    if component.kind == "resource":
        return meant(component.pattern)
    return _resolved(filled(component.pattern, values))


def meant(uri: str) -> str:
    """Return the text of the resource that a URI means: decoded once, dots resolved, no query."""
    scheme, colon, rest = re.split(r"[?#]", uri, maxsplit=1)[0].partition(":")
    return _resolved(scheme.lower() + colon + unquote(rest))


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """Return a template with these values in place of its variables."""
    return re.sub(r"\{\+?(\w+)\}", lambda one: values[one[1]], pattern)


def _resolved(text: str) -> str:
    scheme, _, rest = text.partition(":")
    slashes = "//" if rest.startswith("//") else ""
    kept: list[str] = []
    for part in rest.removeprefix("//").replace("\\", "/").split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return f"{scheme}:{slashes}" + "/".join(kept)


def fits(pattern: str, text: str) -> bool:
    """Say whether the text of a resource is one of those that a template stands for."""
    return values_in(pattern, text) is not None


def values_in(pattern: str, text: str) -> dict[str, str] | None:
    """Return the values with which a template stands for the text of a resource, if it does."""
    found = ""
    for part in _VARIABLE.split(pattern):
        if part.startswith("{"):
            found += f"(?P<{part.strip('{+}')}>{'.+' if part.startswith('{+') else '[^/]+'})"
        else:
            found += re.escape(part)
    matched = re.fullmatch(found, text, re.DOTALL)
    return None if matched is None else matched.groupdict()
