"""Filters lists: they show only what the caller may use."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from doorward.policy import Operation


class ListShape(NamedTuple):
    """Where a list result keeps its entries, how they are named, and which method uses one."""

    member: str
    name: str
    used_by: str


LISTS: Mapping[str, ListShape] = {
    "tools/list": ListShape("tools", "name", "tools/call"),
    "prompts/list": ListShape("prompts", "name", "prompts/get"),
    "resources/list": ListShape("resources", "uri", "resources/read"),
    "resources/templates/list": ListShape("resourceTemplates", "uriTemplate", "resources/read"),
}


def only_permitted(
    method: str, result: dict[str, Any], permits: Callable[[Operation], bool]
) -> dict[str, Any]:
    """
    Return ``result`` of ``method`` without the entries that its reader may not use.

    A page of a longer list gets shorter and keeps its cursor. What a token was needed for is
    cached for nobody else. Other results come back as they are.

    Spec: MCP 2026-07-28 server/tools §Listing Tools; server/utilities/caching; pagination
    """
    if result.get("cacheScope") == "public":
        result = {**result, "cacheScope": "private"}
    listed = LISTS.get(method)
    if listed is None or not isinstance(entries := result.get(listed.member), list):
        return result
    shown = [one for one in entries if permits(Operation(listed.used_by, _name(one, listed.name)))]
    return result if len(shown) == len(entries) else {**result, listed.member: shown}


def without_subscriptions(
    params: Mapping[str, Any], permits: Callable[[Operation], bool]
) -> Mapping[str, Any]:
    """
    Return the parameters of ``subscriptions/listen`` without resources its caller may not read.

    To be told that a resource changed is to learn that it is there.

    Spec: MCP 2026-07-28 basic/utilities/subscriptions
    """
    wanted = params.get("notifications")
    uris = wanted.get("resourceSubscriptions") if isinstance(wanted, Mapping) else None
    if not isinstance(wanted, Mapping) or not isinstance(uris, list):
        return params
    kept = [
        uri for uri in uris if isinstance(uri, str) and permits(Operation("resources/read", uri))
    ]
    return {**params, "notifications": {**wanted, "resourceSubscriptions": kept}}


def _name(entry: Any, member: str) -> str | None:
    # No rule can name an entry without a name, or with one that is not a string.
    name = entry.get(member) if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else None
