"""Requests to the server of a model, of which any part may be spelled in an unusual way."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from fastmcp.server.providers.addressing import hashed_backend_name

from doorward.identity import Identity
from tests.rules.asgi import Request
from tests.rules.fastmcp_layers import APP
from tests.rules.messages import NEWEST, VERSIONS, headers_of, message
from tests.rules.model import Kind, Model
from tests.rules.oracle import filled
from tests.rules.spellings import BODIES, DECOYS, HEADERS, PATHS, TEXTS, VERBS, with_decoy

_LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
_WORDS = ("zz9", "salaries.txt", "plan.txt")


@dataclass(frozen=True)
class Drawn:
    """
    One request to send: ``token`` is who sends it, ``session`` whose session it names.

    ``decoy`` is a second name, and ``decoy_at`` where it is. The other parts say what is odd.
    """

    token: bytes
    method: str
    params: Mapping[str, Any]
    version: str = NEWEST
    session: bytes | None = None
    verb: str = "POST"
    path: str = "/mcp"
    header: str = ""
    body: str = ""
    decoy: str = ""
    decoy_at: str = ""

    def request(self, sessions: Mapping[bytes, bytes]) -> Request:
        """Return the request as bytes."""
        member = "uri" if "uri" in self.params else "name"
        named = {**self.params, member: self.decoy} if self.decoy_at else self.params
        headers = headers_of(self.token, self.method, named, version=self.version)
        if self.session is not None and self.session in sessions:
            headers[b"mcp-session-id"] = sessions[self.session]
        more = HEADERS[self.header](headers) if self.header else []
        body = json.dumps(message(self.method, self.params, version=self.version))
        if self.decoy_at not in ("", "header"):
            body = with_decoy(body, member, self.decoy, self.decoy_at)
        content = (BODIES[self.body](body) if self.body else body).encode("utf-8", "surrogatepass")
        return Request(
            content, (*headers.items(), *more), self.verb, self.path, ends=self.verb == "POST"
        )


@dataclass(frozen=True)
class Example:
    """A server, its callers, and what they send; if they send nothing, its parts are compared."""

    kind: str
    model: Model
    callers: Mapping[bytes, Identity]
    requests: Sequence[Drawn]


def draw_request(rng: Random, model: Model, kind: str) -> Drawn:
    """Draw one request to a server of one kind, with up to two odd parts."""
    token = rng.choice(TOKENS)
    odd = rng.choice(_ODD)
    if kind == "fastapi" and rng.random() < 0.5:
        return _to_route(rng, model, token, odd)
    method, params = _operation(rng, model, kind, "text" in odd)
    # A conforming client of the older versions sends the id of its session.
    version = rng.choice((NEWEST, *VERSIONS))
    names = _uris(model) if "uri" in params else [*_names(model, "tool"), *_names(model, "prompt")]
    drawn = Drawn(token, method, params, version, session=None if version == NEWEST else token)
    return replace(drawn, **_odd_parts(rng, odd, names))


TOKENS = (b"token0", b"token1", b"token2")
_ODD = (
    *([()] * 7),
    *([("text",)] * 9),
    *(("verb",), ("path",), ("header",), ("body",), ("decoy",), ("session",)),
    *(("text", "header"), ("text", "session"), ("header", "body"), ("verb", "path")),
    *(("decoy", "header"), ("session", "header")),
)
"""Which parts of a request are odd: none, or one, or two."""


def _odd_parts(rng: Random, odd: Collection[str], names: Sequence[str]) -> dict[str, Any]:
    parts: dict[str, Sequence[Any]] = {
        "verb": VERBS,
        "path": PATHS,
        "header": sorted(HEADERS),
        "body": sorted(BODIES),
        "session": (None, *TOKENS),
        "decoy": names,
    }
    found = {part: rng.choice(some) for part, some in parts.items() if part in odd}
    if "decoy" in odd:
        found["decoy_at"] = rng.choice(DECOYS)
    return found


def _to_route(rng: Random, model: Model, token: bytes, odd: Collection[str]) -> Drawn:
    route = rng.choice([one.name for one in model.of_kind("route")])
    verb, _, path = route.partition(" ")
    path = _spelled(rng, [path.replace("{number}", "7")], "text" in odd)
    parts = {"verb": verb, **_odd_parts(rng, {*odd} & {"verb", "header"}, [""])}
    return Drawn(token=token, method="ping", params={}, path=path, **parts)


def _spelled(rng: Random, texts: Sequence[str], is_odd: bool) -> str:
    """Draw one of these texts, as it is or changed in one or two ways."""
    text = rng.choice(texts)
    for _ in range(rng.choice((1, 1, 2)) if is_odd else 0):
        changes = TEXTS[rng.choice((*TEXTS, *["escapes"] * 4))]
        text = changes[rng.choice(sorted(changes))](text, rng.randrange(40))
    return text


def _operation(rng: Random, model: Model, kind: str, is_odd: bool) -> tuple[str, dict[str, Any]]:
    ways = ["tool", "prompt", "resource", "resource", "resource", "completion", "list"]
    if kind == "fastmcp":
        ways += ["version", *(["added-tool"] * 6 if model.options["added"] else [])]
    way = rng.choice(ways)
    if way == "resource":
        methods = ("resources/read", "resources/read", "resources/read", "resources/subscribe")
        return rng.choice(methods), {"uri": _spelled(rng, _uris(model), is_odd)}
    if way == "completion":
        return "completion/complete", _completion(rng, model, is_odd)
    if way == "list":
        return rng.choice(_LISTS), {}
    if way == "added-tool":
        return "tools/call", _added_tool(rng, model, is_odd)
    if way == "version":
        meta = {"fastmcp": {"version": rng.choice(("1", "2", "3", "9"))}}
        name = rng.choice(_names(model, "tool"))
        return "tools/call", {"name": name, "arguments": {}, "_meta": meta}
    name = _spelled(rng, _names(model, "tool" if way == "tool" else "prompt"), is_odd)
    return ("tools/call" if way == "tool" else "prompts/get"), {"name": name, "arguments": {}}


def _uris(model: Model) -> list[str]:
    """Return every URI of a rule or a component, templates filled with several words."""
    ruled = [name for method, name in model.rules if method == "resources/read" and name != "*"]
    served = [one.pattern for one in model.of_kind("resource", "template")]
    return [
        "files://salaries.txt",
        *(
            filled(one, {"name": word, "owner": word, "path": word})
            for one in sorted({*ruled, *served})
            for word in _WORDS
        ),
    ]


def _names(model: Model, kind: Kind) -> list[str]:
    """Return every name that components of a kind have anywhere in their server."""
    found = model.of_kind(kind)
    hashed = [hashed_backend_name(APP, one.inner) for one in found if kind == "tool"]
    return [*(one.name for one in found), *(one.inner for one in found), *hashed] or ["add"]


def _completion(rng: Random, model: Model, is_odd: bool) -> dict[str, Any]:
    if rng.random() < 0.5:
        named = _spelled(rng, _names(model, "prompt"), is_odd)
        ref, argument = {"type": "ref/prompt", "name": named}, "subject"
    else:
        templates = [one.name for one in model.of_kind("template")]
        uri = _spelled(rng, [*templates, *_uris(model)], is_odd)
        ref, argument = {"type": "ref/resource", "uri": uri}, "name"
    return {"ref": ref, "argument": {"name": argument, "value": "a"}}


def _added_tool(rng: Random, model: Model, is_odd: bool) -> dict[str, Any]:
    """Draw a call of a tool that a layer adds, whose arguments name what it runs."""
    added: Mapping[str, str] = model.options["added"]
    name = rng.choice(sorted(added))
    tool = added[name]
    named = _spelled(rng, _names(model, "prompt" if "prompt" in tool else "tool"), is_odd)
    search = "pattern" if "regex-search" in model.options["layers"] else "query"
    arguments: Mapping[str, dict[str, Any]] = {
        "call_tool": {"name": named, "arguments": {}},
        "search_tools": {search: "marker do" if search == "query" else "."},
        "get_prompt": {"name": named},
        "execute": {"code": json.dumps([named, {}])},
        "get_schema": {"tools": [named]},
        "call_tool_bulk": {"tool": named, "tool_arguments": [{}]},
        "call_tools_bulk": {"tool_calls": [{"tool": named, "arguments": {}}]},
    }
    given = arguments.get(tool, {})
    if tool == "read_resource":
        given = {"uri": _spelled(rng, _uris(model), is_odd)}
    return {"name": name, "arguments": given}
