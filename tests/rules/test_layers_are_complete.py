"""Every transform and provider that FastMCP ships is drawn, or has a reason why not."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import fastmcp.experimental.transforms
import fastmcp.server.providers
import fastmcp.server.transforms
from fastmcp.server.providers import Provider
from fastmcp.server.transforms import Transform

DRAWN = {
    *("Namespace", "ToolTransform", "VersionFilter", "Visibility"),
    *("ResourcesAsTools", "PromptsAsTools"),
    *("RegexSearchTransform", "BM25SearchTransform", "JevSearchTransform", "CodeMode"),
    *("LocalProvider", "FileSystemProvider", "OpenAPIProvider"),
    *("AggregateProvider", "FastMCPProvider", "ProxyProvider"),
}
NOT_DRAWN = {
    "Transform": "a base class",
    "CatalogTransform": "a base class",
    "BaseSearchTransform": "a base class",
    "Provider": "a base class",
    "FastMCPProxy": "a server with a ProxyProvider",
    "_WrappedProvider": "a provider with transforms of its own",
    "SkillProvider": "it runs no function; tests/integrations/test_fastmcp_skills.py",
    "SkillsDirectoryProvider": "many of SkillProvider",
}


def shipped(package: ModuleType) -> Iterator[str]:
    """Yield the name of every transform and provider that a package defines."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for name, one in vars(module).items():
            is_class = isinstance(one, type) and issubclass(one, Transform | Provider)
            # Each of these is a SkillsDirectoryProvider for the folder of one program.
            is_one_program = name.endswith("SkillsProvider")
            if is_class and not is_one_program and one.__module__.startswith(package.__name__):
                yield name


def test_every_transform_and_provider_of_fastmcp_is_drawn() -> None:
    packages = (
        fastmcp.server.transforms,
        fastmcp.server.providers,
        fastmcp.experimental.transforms,
    )

    found = {name for package in packages for name in shipped(package)}

    assert found == DRAWN | set(NOT_DRAWN)
