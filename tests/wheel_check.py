"""Build the wheel, install it alone with src/ out of reach, and use it as its users would.

Run by ``make wheel-test``. It fails on a module, template, migration or type marker that the
source tree has and the wheel lacks, and on a dependency that only the development setup brings.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "doorward"
UV = ROOT / ".tools" / "uv" / "bin" / "uv"


def _run(*command: str | Path, cwd: Path) -> str:
    # Nothing of the development environment may reach the installed wheel.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _uv() -> Path | str:
    return UV if UV.exists() else ROOT / ".tools" / "uv" / "uv"


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


# The adapters of servers that people have, and what each needs of theirs. Whoever uses one has it.
ADAPTERS = {
    "doorward.integrations.fastmcp": "fastmcp",
    "doorward.integrations.mcp_sdk": "mcp",
}


def _main_job(binaries: Path, room: Path) -> None:
    """Run the demo from the wheel, sign in, and call a tool: what the README begins with."""
    home = {"HOME": str(room), "DOORWARD_HOME": str(room / "kept"), "PATH": os.environ["PATH"]}
    home["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    # The browser of this test: it opens the page, and the page sends it on by itself.
    opener = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=20).read()"
    (room / "browser.py").write_text(opener)
    home["BROWSER"] = f"{binaries / 'python'} {room / 'browser.py'} %s"
    demo = subprocess.Popen(
        [binaries / "doorward", "demo", "--port", "0", "--json", "--sign-in-as", "alice"],
        cwd=room, env=home, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert demo.stdout is not None
        url = json.loads(demo.stdout.readline())["mcp"]
        for verb in (["login", url], ["call", url, "add", "a=2", "b=40"]):
            done = subprocess.run(
                [binaries / "doorward", *verb],
                cwd=room, env=home, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                sys.exit(f"from the wheel, {verb[0]} ended with {done.returncode}: {done.stderr}")
        if done.stdout.strip() != "42.0":
            sys.exit(f"from the wheel, 2 + 40 is {done.stdout!r}")
    finally:
        demo.terminate()
        demo.wait(20)


def main() -> None:
    """Exit 0 when the wheel holds all that the source holds, imports, and answers its command."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        _run(_uv(), "build", "--wheel", "--out-dir", room / "dist", ROOT, cwd=ROOT)
        (wheel,) = (room / "dist").glob("doorward-*.whl")
        _run(_uv(), "venv", "--quiet", "--python", sys.executable, room / "venv", cwd=room)
        python = room / "venv" / "bin" / "python"
        constraints = _run(
            _uv(), "export", "--frozen", "--quiet", "--no-dev", "--no-emit-project",
            "--no-hashes", "--package", "doorward", cwd=ROOT,
        )  # fmt: skip
        (room / "locked.txt").write_text(constraints)
        _run(
            _uv(), "pip", "install", "--quiet", "--python", python,
            "--constraint", room / "locked.txt", wheel, cwd=room,
        )  # fmt: skip

        held = set(
            _run(
                python, "-W", "error::DeprecationWarning:doorward", "-c", PROBE,
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

        command = room / "venv" / "bin" / "doorward"
        if "Usage" not in _run(command, "--help", cwd=room):
            sys.exit("doorward --help does not say how it is used")
        print(
            f"wheel: {len(source)} files, imports alone, {_run(command, '--version', cwd=room).strip()}"
        )


if __name__ == "__main__":
    main()
