"""What the toolchains of this machine can build, and the servers that come of it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Contender

_HERE = Path(__file__).parent
_GO_SDK = "github.com/modelcontextprotocol/go-sdk"
_FOSITE = "github.com/ory/fosite"


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
    return Built((), None, ()) if go is None else _build_go(go, folder)


def _build_go(go: str, folder: Path) -> Built:
    for name in ("mcpserver", "issuer"):
        subprocess.run(
            [go, "build", "-o", str(folder / name), f"./{name}"], cwd=_HERE / "go", check=True
        )
    server = str(folder / "mcpserver")
    return Built(
        (
            Contender(
                "go", "official Go SDK, a cache added, known token", command=(server, "remember")
            ),
            Contender("go-new", "official Go SDK, every token new", calls="new", command=(server,)),
        ),
        (str(folder / "issuer"),),
        (_go_version(go), *(_module_version(go, one) for one in (_GO_SDK, _FOSITE))),
    )


def _go_version(go: str) -> str:
    return _output(go, "env", "GOVERSION").replace("go", "Go ")


def _module_version(go: str, module: str) -> str:
    name = module.partition("/")[2]
    return f"{name} {_output(go, 'list', '-m', '-f', '{{.Version}}', module)}"


def _output(*command: str) -> str:
    made = subprocess.run(command, cwd=_HERE / "go", check=True, capture_output=True, text=True)
    return made.stdout.strip()
