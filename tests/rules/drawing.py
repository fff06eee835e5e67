"""What is drawn: rules, the components of a server, and callers."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Literal

from doorward.identity import Identity
from doorward.policy import EVERY, Rule
from tests.rules.fastmcp_holders import HOLDERS
from tests.rules.fastmcp_layers import LAYERS, MOUNTS
from tests.rules.guards import ISSUERS
from tests.rules.model import METHODS, Component, Kind, Model

TOOLS = ("add", "refund", "Refund", "add_all")
PROMPTS = ("letter", "apology")
URIS = (
    "files://salaries.txt",
    "files://plan.txt",
    "files://public/plan.txt",
    "https://docs.example/plan",
    "file:///etc/plan",
    "files://a%20b",
)
TEMPLATES = (
    "files://{name}",
    "files://public/{name}",
    "files://{owner}/{name}",
    "files://{+path}",
    "https://docs.example/{name}",
    "file:///{+path}",
)
ROUTES = (
    *("GET /orders", "POST /orders", "GET /orders/{number}", "DELETE /orders/{number}"),
    "PUT /x",
)

OPEN = Rule()
READ = Rule({"read"})
RULES = (
    *(OPEN, OPEN),
    *(READ, READ),
    Rule({"admin"}),
    Rule({"admin"}, roles={"chief"}),
    Rule(roles={"chief"}),
    Rule(kinds={"person"}),
    Rule({"read"}, kinds={"service"}),
)
HIERARCHIES: tuple[Mapping[str, set[str]], ...] = (
    {},
    {"admin": {"read"}},
    {"root": {"admin"}, "admin": {"read"}},
)
HELD: tuple[frozenset[str], ...] = (
    frozenset(),
    *(frozenset({"read"}), frozenset({"read"})),
    *(frozenset({"read", "admin"}), frozenset({"read", "admin"})),
    frozenset({"root"}),
    frozenset({"other"}),
)
ROLES = (frozenset[str](), frozenset({"chief"}), frozenset({"staff"}))
CALLER_KINDS: tuple[Literal["person", "service", "key"], ...] = (
    *("person", "person", "person"),
    "service",
    "key",
)


def draw_callers(rng: Random) -> dict[bytes, Identity]:
    """Draw three callers with a token each; some share a subject or a client, but no issuer."""
    return {f"token{place}".encode(): _caller(rng) for place in range(3)}


def _caller(rng: Random) -> Identity:
    return Identity(
        issuer=rng.choice(ISSUERS),
        subject=rng.choice(("alice", "alice", "bob")),
        client_id=rng.choice(("client", "client", None)),
        scopes=rng.choice(HELD),
        roles=rng.choice(ROLES),
        kind=rng.choice(CALLER_KINDS),
        expires_at=4e9,
    )


def draw_model(rng: Random, kind: str) -> Model:
    """Draw the rules and the components of a server of one kind."""
    options = _options(rng, kind)
    components = _components(rng, kind, options)
    # Without a decision of its composer's, a server of our own knows its authors' rules alone.
    is_ruled = options.get("decide", True)
    return Model(
        components=tuple(components),
        base=rng.choice((OPEN, OPEN, READ, Rule(kinds={"person", "service"}))),
        rules=_rules(rng, components, options, kind) if is_ruled else {},
        hierarchy=rng.choice(HIERARCHIES) if is_ruled else {},
        unknown=rng.choice(("deny", "base")),
        options=options,
    )


def _options(rng: Random, kind: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if kind in ("sdk", "low-level", "fastmcp"):
        options["stateless_http"] = rng.random() < 0.5
        options["json_response"] = rng.random() < 0.5
    if kind in ("own", "fastapi"):
        options["decide"] = rng.random() < 0.5
    if kind == "fastmcp":
        options["holder"] = rng.choice(sorted(HOLDERS))
        # The tools of a middleware pass through no transform of its server.
        layers = MOUNTS if options["holder"] == "injected" else sorted(LAYERS)
        options["layers"] = tuple(rng.choices(layers, k=rng.choice((0, 1, 1, 2, 2, 3))))
        options["added"] = _added(options["layers"])
        options["auth"] = rng.random() < 0.5
        options["remote"] = any(LAYERS[one].is_remote for one in options["layers"])
    return options


def _added(layers: Sequence[str]) -> dict[str, str]:
    """Return the tools that layers add, by the names that the layers around them make of these."""
    found: dict[str, str] = {}
    for name in layers:
        layer = LAYERS[name]
        # A layer that renames tools does so with those it was told of alone.
        if layer.renamed("prompt", "x") != "x":
            found = {layer.renamed("tool", public): tool for public, tool in found.items()}
        found |= {one: one for one in layer.adds}
    return found


def _maybe_rule(rng: Random) -> Rule | None:
    return rng.choice(RULES) if rng.random() < 0.6 else None


def _some(rng: Random, pool: Sequence[str], least: int, most: int) -> list[str]:
    return rng.sample(pool, rng.randint(least, most))


def _components(rng: Random, kind: str, options: Mapping[str, Any]) -> list[Component]:
    drawn: list[tuple[Kind, str]] = [
        *(("tool", one) for one in _some(rng, TOOLS, 1, 3)),
        *(("prompt", one) for one in _some(rng, PROMPTS, 0, 2)),
        *(("resource", one) for one in _some(rng, URIS, 1, 3)),
        *(("template", one) for one in _some(rng, TEMPLATES, 0, 2)),
        *(("route", one) for one in (_some(rng, ROUTES, 1, 3) if kind == "fastapi" else ())),
    ]  # fmt: skip
    if _public("resource", "file:///x", options) != "file:///x":
        # FastMCP's namespaces put a host into these URIs, and its proxy, its cache and a second
        # namespace then change the path: nobody can read what lists show.
        drawn = [(what, inner) for what, inner in drawn if not inner.startswith("file:///")]
    found: list[Component] = []
    for place, (what, inner) in enumerate(drawn):
        pattern = _public(what, inner, options)
        found.append(
            Component(
                kind=what,
                name=_in_syntax_of(kind, pattern),
                pattern=pattern,
                inner=_in_syntax_of(kind, inner),
                marker=f"marker{place}of{what}",
                declared=_maybe_rule(rng) if _can_be_declared(kind, what, options) else None,
            )
        )
    return found


def _in_syntax_of(kind: str, text: str) -> str:
    return text.replace("{+path}", "{path*}") if kind == "fastmcp" else text


def _public(what: Kind, name: str, options: Mapping[str, Any]) -> str:
    """Return the name under which all layers of a server list something."""
    for layer in options.get("layers", ()):
        name = LAYERS[layer].renamed(what, name)
    return name


def _can_be_declared(kind: str, what: Kind, options: Mapping[str, Any]) -> bool:
    """Say whether an author can write a rule beside this component that the guard could know."""
    if kind in ("low-level", "bare"):
        return False
    # A remote component and one that is made of an API have no function to mark.
    return not options.get("remote") and (what, options.get("holder")) != ("tool", "openapi")


def _rules(
    rng: Random, components: list[Component], options: Mapping[str, Any], kind: str
) -> dict[tuple[str, str], Rule]:
    found: dict[tuple[str, str], Rule] = {}
    for one in components:
        if one.kind != "route" and (rule := _maybe_rule(rng)) is not None:
            found[(METHODS[one.kind], one.pattern)] = rule
    for method in ("tools/call", "prompts/get", "resources/read"):
        if rng.random() < 0.5:
            found[(method, EVERY)] = rng.choice(RULES)
    # Rules for URIs that a template serves, and for templates that serve nothing of their own.
    for uri in _some(rng, (*URIS, *TEMPLATES), 0, 2):
        found.setdefault(("resources/read", _public("resource", uri, options)), rng.choice(RULES))
    for tool in sorted(options.get("added", ())):
        if (rule := rng.choice((None, OPEN, OPEN, READ))) is not None:
            found.setdefault(("tools/call", tool), rule)
    return found
