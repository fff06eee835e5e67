"""Build the wheel, install it alone with src/ out of reach, and import all of it.

Run by ``make wheel-test``. It fails on a module, template, migration or type marker that the
source tree has and the wheel lacks, and on a dependency that only the development setup brings.
"""

import sys
import tempfile
from pathlib import Path

from release.installation import ROOT, install_wheel, run_outside

PACKAGE = ROOT / "src" / "doorward"


PROBE = """
import importlib, pathlib, pkgutil, sys
import doorward
place = pathlib.Path(doorward.__file__).parent
assert "site-packages" in place.parts, f"imported from {place}"
missing = dict(pair.split("=") for pair in sys.argv[1:])
for module in pkgutil.walk_packages(doorward.__path__, "doorward."):
    if ".migrations." in module.name or module.name.endswith(".__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        # An adapter speaks of the library that its user has; nothing else may need one.
        assert missing.pop(module.name, None) == error.name, f"{module.name} needs {error.name}"
assert not missing, f"imported without the library it adapts: {missing}"
for name in doorward.__all__:
    getattr(doorward, name)
print("\\n".join(sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()
                       and p.suffix != ".pyc")))
"""


# What people have beside Doorward, and the modules that are for those who have it.
ADAPTERS = {
    "doorward.authserver.store.postgresql.driver": "asyncpg",
    "doorward.authserver.store.postgresql.session_pool": "asyncpg",
    "doorward.integrations.fastmcp": "fastmcp",
    "doorward.integrations.mcp_sdk": "mcp",
    "doorward.pytest_plugin": "pytest",
}


def main() -> None:
    """Exit 0 when the wheel holds all that the source holds, imports, and answers its command."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        binaries = install_wheel(room)
        held = set(
            run_outside(
                binaries / "python", "-W", "error::DeprecationWarning:doorward", "-c", PROBE,
                *(f"{module}={library}" for module, library in ADAPTERS.items()), cwd=room,
            ).split("\n")
        )  # fmt: skip
        source = {
            str(path.relative_to(PACKAGE))
            for path in PACKAGE.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        if missing := sorted(source - held):
            sys.exit(f"the wheel lacks: {', '.join(missing)}")

        command = binaries / "doorward"
        if "Usage" not in run_outside(command, "--help", cwd=room):
            sys.exit("doorward --help does not say how it is used")
        print(
            f"wheel: {len(source)} files, imports alone, {run_outside(command, '--version', cwd=room).strip()}"
        )


if __name__ == "__main__":
    main()
