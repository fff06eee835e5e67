"""Lists, completion, subscriptions and the matrix, compared with what calls do for each caller."""

from collections.abc import Iterable, Mapping
from typing import Any

from doorward.guard.middleware import GuardMiddleware
from doorward.identity import Identity
from doorward.policy import Policy
from doorward.policy.matrix import Row, matrix_of
from tests.rules.checking import Checked
from tests.rules.fastmcp_layers import LAYERS
from tests.rules.messages import conforming
from tests.rules.model import METHODS, Component
from tests.rules.oracle import (
    PATHS,
    PLAIN,
    filled,
    fits,
    may,
    may_use,
    meant,
    needs,
    text_of,
    values_in,
)

LISTS: Mapping[str, tuple[str, str, str]] = {
    "tool": ("tools/list", "tools", "name"),
    "prompt": ("prompts/list", "prompts", "name"),
    "resource": ("resources/list", "resources", "uri"),
    "template": ("resources/templates/list", "resourceTemplates", "uriTemplate"),
}
_ODD_URI = "files://s%61laries.txt"


class Agreement:
    """Compares, for each caller, what a server says of its components with what it runs."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._served = checked.served
        self._model = checked.model
        self._components = self._model.of_kind("tool", "prompt", "resource", "template")
        self._comparable = [one for one in self._components if self._is_comparable(one)]

    async def disagreements(self) -> list[str]:
        """Return every disagreement."""
        found: list[str] = []
        for token, caller in self._checked.callers.items():
            used = {one.marker: await self._used(token, one) for one in self._comparable}
            allowed = {one.marker: may_use(self._model, caller, one) for one in self._comparable}
            found += self._compared("ran", used, allowed)
            if self._served.lists:
                found += self._compared("was listed", await self._listed(token), used)
            found += self._compared("may run by the matrix", self._in_matrix(caller), used)
            if self._served.completes:
                found += self._compared("was completed", await self._completed(token), allowed)
            if self._served.change is not None:
                found += await self._heard_wrongly(token, caller, allowed)
        return found

    def _compared(
        self, what: str, said: Mapping[str, bool], wanted: Mapping[str, bool]
    ) -> Iterable[str]:
        for one in self._comparable:
            if one.marker in said and said[one.marker] != wanted[one.marker]:
                yield f"{one.kind} {one.name}: {what}: {said[one.marker]}, by calls and rules not"

    def _is_comparable(self, component: Component) -> bool:
        """Say whether calls have one answer: nothing else has its name, or some of its URIs."""
        if sum(one.name == component.name for one in self._components) > 1:
            return False
        if component.kind in ("tool", "prompt"):
            return True
        others = [one for one in self._model.of_kind("template") if one is not component]
        ruled = [name for of, name in self._model.rules if of == "resources/read" and "{" in name]
        texts = [text_of(component, PLAIN | {"path": path}) for path in PATHS]
        if any(fits(one.pattern, text) for one in others for text in texts):
            return False
        # A template that fits some of its URIs rules those, and a URI that begins like a template
        # and does not fit it is refused.
        begun = component.pattern.partition("{")[0]
        return all(
            all(fits(name, text) for text in texts) or not _share_a_beginning(name, begun)
            for name in (*ruled, *(one.pattern for one in others))
        )

    async def _used(self, token: bytes, component: Component) -> bool:
        """Say whether a conforming request for a component is served, from a cache perhaps."""
        method = METHODS[component.kind]
        params: dict[str, Any] = {"name": component.name, "arguments": {}}
        if method == "resources/read":
            params = {"uri": filled(component.pattern, PLAIN)}
        answer, ran = await self._checked.conforming(token, method, params)
        return bool(ran) or component.marker.encode() in answer.body

    async def _listed(self, token: bytes) -> dict[str, bool]:
        found: dict[str, bool] = {}
        tools_hidden = any(LAYERS[one].hides for one in self._model.options.get("layers", ()))
        for kind, (method, member, named) in LISTS.items():
            answer, _ = await self._checked.conforming(token, method, {})
            listed = {one.get(named) for one in answer.result.get(member, ())}
            for one in self._comparable:
                if one.kind == kind and not (kind == "tool" and tools_hidden):
                    found[one.marker] = one.name in listed
        return found

    def _in_matrix(self, caller: Identity) -> dict[str, bool]:
        matrix = matrix_of(self._policy())
        rows = {one.marker: matrix.row(METHODS[one.kind], one.name) for one in self._comparable}
        return {marker: row is not None and admits(row, caller) for marker, row in rows.items()}

    def _policy(self) -> Policy:
        if self._served.policy is not None:
            return self._served.policy
        # GuardAuth puts the guard in front once FastMCP's application has started.
        door = self._served.app.middleware_stack  # type: ignore[attr-defined]
        assert isinstance(door, GuardMiddleware)
        return door.policy

    async def _completed(self, token: bytes) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for one in self._comparable:
            if one.kind == "prompt":
                ref, argument = {"type": "ref/prompt", "name": one.name}, "subject"
            elif one.kind == "template" and "{name}" in one.pattern:
                ref, argument = {"type": "ref/resource", "uri": one.name}, "name"
            else:
                continue
            params = {"ref": ref, "argument": {"name": argument, "value": "a"}}
            _, ran = await self._checked.conforming(token, "completion/complete", params)
            found[one.marker] = bool(ran)
        return found

    async def _heard_wrongly(
        self, token: bytes, caller: Identity, allowed: Mapping[str, bool]
    ) -> list[str]:
        served = self._model.of_kind("resource", "template")
        ruled = [name for of, name in self._model.rules if of == "resources/read" and name != "*"]
        uris = [filled(one, PLAIN) for one in (*(one.pattern for one in served), *ruled)]
        heard = await self._heard(token, uris)
        # Alone: one URI in an odd spelling is reason to refuse the others too.
        heard_of = heard | await self._heard(token, [_ODD_URI])
        wrong = [
            f"{uri}: a subscriber heard of it"
            for uri in heard_of
            if not self._may_hear(caller, uri)
        ]
        told = {
            one.marker: filled(one.pattern, PLAIN) in heard
            for one in self._comparable
            if one.kind in ("resource", "template")
        }
        return [*wrong, *self._compared("was told of", told, allowed)]

    async def _heard(self, token: bytes, uris: list[str]) -> set[str]:
        """Return the URIs that a subscriber is granted or told of while each of them changes."""

        async def change() -> None:
            for uri in uris:
                await self._changed(uri)

        params = {"notifications": {"resourceSubscriptions": uris}}
        request = conforming(token, "subscriptions/listen", params)
        answer, _ = await self._checked.ask(token, request, change)
        found: set[str] = set()
        for message in answer.messages:
            given = message.get("params", {})
            found |= {*given.get("notifications", {}).get("resourceSubscriptions", [])}
            found |= {given["uri"]} if "uri" in given else set()
        return found

    async def _changed(self, uri: str) -> None:
        assert self._served.change is not None
        notified = self._served.change(uri)
        if notified is not None:
            await notified

    def _may_hear(self, caller: Identity, uri: str) -> bool:
        text = meant(uri)
        serving = [
            (one, values)
            for one in self._model.of_kind("resource", "template")
            if (values := values_in(meant(one.pattern), text)) is not None
        ]
        # Nothing serves it: the rules for its URI hold.
        serving = serving or [(Component("resource", uri, uri, uri, ""), {})]
        # Of several that serve it, their order says which one does.
        return any(may(self._model, caller, needs(self._model, *one)) for one in serving)


def _share_a_beginning(template: str, begun: str) -> bool:
    start = template.partition("{")[0]
    return start.startswith(begun) or begun.startswith(start)


def admits(row: Row, caller: Identity) -> bool:
    """Say whether a row of the matrix admits the caller."""
    return (
        caller.kind in row.kinds
        and all(
            scope in caller.scopes or row.contained_in.get(scope, frozenset()) & caller.scopes
            for scope in row.scopes
        )
        and all(not roles.isdisjoint(caller.roles) for roles in row.roles)
    )
