"""The pages of the API reference: what each is for, and a directive for each public name on it."""

import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docs.making.public_names import PublicName, every_name, module_docstring, public_names

from doorward.errors import HttpError

FOLDER = "docs/reference"
INDEX = f"{FOLDER}/index.md"


@dataclass(frozen=True)
class ReferencePage:
    """
    A page of the reference.

    ``modules`` are on it, in this order. ``only`` and ``without`` choose among the names of a module
    that two pages share.
    """

    file: str
    title: str
    purpose: str
    guide: str
    modules: tuple[str, ...]
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def names(self, module: str) -> Iterator[PublicName]:
        """Yield the names of ``module`` on this page, the most important ones first."""
        found = {(one.defined_in, one.name) for one in every_name() if one.module == module}
        names = [
            one
            for one in public_names(module)
            if (one.defined_in, one.name) in found
            and one.name not in self.without
            and (not self.only or one.name in self.only or module != "doorward.authserver")
        ]
        return iter(sorted(names, key=_importance))


_SIGN_IN = frozenset({"Allow", "IdentityProvider", "ProviderAccount"})
# What a reader looks for comes first: the name of the room, then those that have examples of their own.
_FIRST = (
    *("Guard", "Identity", "current_identity", "Policy", "Rule", "protect", "requires"),
    *(
        "GuardWithSignIn",
        "OwnUsers",
        "IdentityProvider",
        "AuthorizationServer",
        "AuthServerSettings",
    ),
    *(
        "Resource",
        "McpServer",
        "Context",
        "ToolError",
        "connect",
        "McpClient",
        "Tool",
        "ToolResult",
    ),
    *("SignIn", "TokenStore", "open_store", "Gateway", "Route", "TokenExchange", "OnBehalfOf"),
    *("TokenMint", "ABSENT", "bad_token", "BadToken", "run_server", "RunningServer", "RunningUser"),
    *(
        "ServerUnderTest",
        "LocalProvider",
        "UserClient",
        "TrustedIssuer",
        "OpaqueIssuer",
        "Verifier",
    ),
    *("load", "Configuration", "listen", "serve"),
)
_WITH_ERRORS = ("errors", "refusals", "pending_pages", "url_mode")
_ORDER = {name: place for place, name in enumerate(_FIRST)}


def _importance(one: PublicName) -> int:
    # The tree of errors keeps the order of its file.
    return _ORDER.get(one.name, len(_ORDER))


PAGES = (
    ReferencePage(
        "guard",
        "Guard and caller",
        "Protect an MCP server, and read in a tool who calls it.",
        "[A server that you have](../protect.md)",
        ("doorward.guard", "doorward.identity"),
    ),
    ReferencePage(
        "policy",
        "Rules and policy",
        "Write down who may call which tool, and ask what a policy decides.",
        "[Who can do what](../policy.md)",
        ("doorward.policy",),
    ),
    ReferencePage(
        "integrations",
        "FastMCP, MCP SDK, FastAPI",
        "Put a guard in front of a server of FastMCP, of the official SDK, or of FastAPI.",
        "[A server that you have](../protect.md)",
        (
            "doorward.integrations.mcp_sdk",
            "doorward.integrations.fastmcp",
            "doorward.integrations.fastapi",
        ),
    ),
    ReferencePage(
        "sign-in",
        "Sign-in and providers",
        "Sign people in at an identity provider, in the process of the MCP server.",
        "[Sign in with your provider](../sign-in.md)",
        ("doorward.embedded", "doorward.authserver"),
        only=_SIGN_IN,
    ),
    ReferencePage(
        "authorization-server",
        "Authorization server",
        "Run an authorization server of your own, and set what it allows.",
        "[The authorization server](../authorization-server.md)",
        ("doorward.authserver",),
        without=_SIGN_IN,
    ),
    ReferencePage(
        "tokens",
        "Tokens and API keys",
        "Say whose tokens a guard accepts, and how they are verified.",
        "[Services, API keys, opaque tokens](../services.md)",
        ("doorward.tokens",),
    ),
    ReferencePage(
        "mcp-server",
        "MCP server",
        "Make an MCP server from typed functions.",
        "[Nothing yet](../start/nothing-yet.md)",
        ("doorward.mcp_server",),
    ),
    ReferencePage(
        "client",
        "Client",
        "Call a protected MCP server: discovery, sign-in, refresh, step-up.",
        "[Call a server](../client.md)",
        ("doorward.client",),
    ),
    ReferencePage(
        "downstream",
        "Tokens for the next server",
        "Call another API in the name of the user, with a token of its own.",
        "[Calling the next server](../downstream.md)",
        ("doorward.downstream",),
    ),
    ReferencePage(
        "gateway",
        "Gateway",
        "Put a guard in front of a server that you cannot change.",
        "[The gateway](../gateway.md)",
        ("doorward.gateway",),
    ),
    ReferencePage(
        "configuration",
        "Configuration and serving",
        "Read the file of `doorward serve` in your own program, and serve an application with limits.",
        "[One file, one command](../serve.md)",
        ("doorward.config", "doorward.serving"),
    ),
    ReferencePage(
        "testing",
        "Testing",
        "Test your own server: tokens, users, and the sign-in of real clients, without a network.",
        "[Test your server](../testing.md)",
        ("doorward.testing",),
    ),
    ReferencePage(
        "errors",
        "Errors",
        "Catch what Doorward raises, and know what the caller is told.",
        "[Reason codes](../reasons.md)",
        ("doorward.errors",),
    ),
)


def page_of(one: PublicName) -> ReferencePage:
    """Return the page that has this name."""
    for page in PAGES:
        if one.module in page.modules and any(one == other for other in page.names(one.module)):
            return page
    raise LookupError(f"no page of the reference has {one.path}")


def place_of(one: PublicName) -> str:
    """Return the place of this name on its page, as a link from ``docs/`` has it."""
    return f"reference/{page_of(one).file}.md#{one.path}"


@cache
def examples_by_name() -> dict[tuple[str, str], tuple[PublicName, ...]]:
    """Return, for each name and the page it is on, the names there whose examples use it."""
    found: dict[tuple[str, str], dict[PublicName, None]] = defaultdict(dict)
    for one in every_name():
        for docstring in one.docstrings:
            for name in docstring.mentioned():
                found[page_of(one).file, name][one] = None
    return {key: tuple(names) for key, names in found.items()}


def shown_in(one: PublicName) -> tuple[PublicName, ...]:
    """Return the names whose examples use this one; itself, if it has an example that does."""
    everywhere = [
        name for page in PAGES for name in examples_by_name().get((page.file, one.name), ())
    ]
    here = examples_by_name().get((page_of(one).file, one.name), ())
    return (one,) if one in everywhere else tuple(here) or tuple(everywhere)


def reference_page(page: ReferencePage) -> str:
    """Return a page of the reference."""
    parts = [f"# {page.title}\n", f"{page.purpose} Guide: {page.guide}.\n"]
    for module in page.modules:
        names = list(page.names(module))
        parts += [f"## {module}\n", *_introduction(module, page), _imports(names)]
        parts += [_directive(one) for one in names]
    return "\n".join(parts)


def index_page() -> str:
    """Return the index: the pages, and the names of the root."""
    rows = [f"| [{page.title}]({page.file}.md) | {page.purpose} |" for page in PAGES]
    of_root = {(one.defined_in, one.name) for one in public_names("doorward")}
    root = [
        f"| `{one.name}` | [`{one.path}`]({page_of(one).file}.md#{one.path}) |"
        for one in sorted(every_name(), key=lambda one: one.name.lower())
        if (one.defined_in, one.name) in of_root
    ]
    return "\n".join([*_INTRODUCTION, *rows, *_ROOT, *root, ""])


_INTRODUCTION = (
    "# API reference\n",
    "Look up a class, a function or an error of the Python package.",
    "Each example runs in the tests.",
    "Examples leave out imports of names on their own page.",
    "They use `guard`, `server`, `app` and `mint` for a guard, an MCP server,",
    "its ASGI application, and an issuer of tokens for tests.",
    "Other modules can change in any release.\n",
    "| Page | What it is for |",
    "|---|---|",
)
_ROOT = (
    "\n## doorward\n",
    "You can import these names from `doorward` too:\n",
    "| Name | Reference |",
    "|---|---|",
)


def _introduction(module: str, page: ReferencePage) -> Iterator[str]:
    if page.without or (page.only and module == "doorward.authserver"):
        return
    yield f"{module_docstring(module).text}\n"


def _imports(names: list[PublicName]) -> str:
    listed = ", ".join(f"[`{one.name}`][{one.path}]" for one in names)
    return f"Names: {listed}.\n"


def _directive(one: PublicName) -> str:
    lines = [f"::: {one.path}", "    options: { heading_level: 3 }\n"]
    if (told := _told_to_the_peer(one)) is not None:
        lines.append(f"{told}\n")
    examples = [other for other in shown_in(one) if other != one]
    if examples:
        links = ", ".join(f"[`{other.name}`][{other.path}]" for other in examples[:3])
        lines.append(f"Example: {links}.\n")
    return "\n".join(lines)


def _told_to_the_peer(one: PublicName) -> str | None:
    """Return what the peer gets because of an error; the site links the code to its entry."""
    if not one.defined_in.endswith(_WITH_ERRORS):
        return None
    kind = getattr(importlib.import_module(one.defined_in), one.name)
    if not inspect.isclass(kind) or not issubclass(kind, HttpError) or not kind.public:
        return None
    error = f" `{kind.wire_error}`" if kind.wire_error else ""
    return f"The caller gets {kind.status}{error} with the reason `{kind.code}`: {kind.public}"


def reference_pages() -> dict[str, ReferencePage]:
    """Return the pages by their place."""
    return {f"{FOLDER}/{page.file}.md": page for page in PAGES}
