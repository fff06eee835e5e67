"""``MODULE:NAME`` on a command line: imports an object of the user's code."""

import importlib
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.problems import UsageProblem

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:NAME",
        help="An MCP server, an ASGI application or a Guard, such as shop.main:app; or a"
        " configuration file, such as doorward.toml.",
    ),
]
_FILE = re.compile(r"(?P<file>.+\.toml)(?::(?P<resource>https?://.+))?")


def load(target: str) -> Any:
    """
    Return the object that ``target`` names: ``"shop.main:guard"``, or ``"shop.main:app.guard"``.

    Runs the module, as ``import`` does. Looks in the current directory first. For a configuration file,
    it is the policy of its MCP server; of several, ``"doorward.toml:https://mcp.example/mcp"`` names one.

    Raises:
        UsageProblem: ``not-a-target``, ``cannot-import``, ``no-such-name``, ``which-server``.
        ConfigurationError: what the configuration file is refused for.
    """
    if (given := _FILE.fullmatch(target)) is not None:
        return _policy_in(Path(given["file"]), given["resource"])

    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise UsageProblem(
            "not-a-target",
            f"Expected MODULE:NAME, got {target!r}.",
            "Write, for example, shop.main:guard.",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    # The user's module can raise anything; show it in one line, without a traceback.
    except Exception as error:  # noqa: BLE001
        raise UsageProblem(
            "cannot-import",
            f"Cannot import {module}: {type(error).__name__}: {error}",
            "Run the command in the module's environment and directory.",
        ) from None
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise UsageProblem(
                "no-such-name",
                f"The module {module} has no {name!r}.",
                "Check the name after the colon.",
            )
    return found


def _policy_in(path: Path, resource: str | None) -> Any:
    from doorward.config import load as load_file

    servers = [
        one for one in load_file(path).mcp_servers if resource is None or one.resource == resource
    ]
    if len(servers) != 1:
        raise UsageProblem(
            "which-server",
            f"{path} has {len(servers)} MCP servers{f' at {resource}' if resource else ''}.",
            f"Name one by its resource, such as {path}:https://mcp.example/mcp.",
        )
    return servers[0].policy
