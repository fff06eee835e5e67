"""Three machines on one: network namespaces on a bridge, whose connections can be cut."""

import os
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

NODES = (0, 1, 2)


class Network:
    """
    One namespace for each node, with an address of its own.

    Everything that is not a node reaches the nodes from the machine's own namespace.
    """

    def __init__(self) -> None:
        self._number = os.getpid() % 10_000
        self._prefix = f"10.{200 + self._number % 50}.{self._number % 250}"
        self._bridge = f"dw{self._number}"

    def __enter__(self) -> Self:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self._prefix}.1/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for node in NODES:
            self._add(node)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for node in NODES:
            _ip("netns", "del", self._namespace(node), check=False)
        _ip("link", "del", self._bridge, check=False)

    def address(self, node: int) -> str:
        """Return the address of a node."""
        return f"{self._prefix}.{11 + node}"

    @property
    def range(self) -> str:
        """The addresses of all nodes and of the machine."""
        return f"{self._prefix}.0/24"

    def inside(self, node: int, command: Sequence[str]) -> list[str]:
        """Return the command line that runs ``command`` on a node."""
        return ["ip", "netns", "exec", self._namespace(node), *command]

    def isolate(self, node: int) -> None:
        """Cut a node off from everything; its connections stay open and carry nothing."""
        _ip("link", "set", self._link(node), "down")

    def cut(self, one: int, other: int) -> None:
        """Cut the connections between two nodes."""
        for at, to in ((one, other), (other, one)):
            _ip("-n", self._namespace(at), "route", "add", "blackhole", self.address(to))

    def heal(self) -> None:
        """Undo what was cut."""
        for node in NODES:
            _ip("link", "set", self._link(node), "up")
            for other in NODES:
                route = ("-n", self._namespace(node), "route", "del", "blackhole")
                _ip(*route, self.address(other), check=False)

    def _add(self, node: int) -> None:
        inside = self._namespace(node)
        _ip("netns", "add", inside)
        pair = ("type", "veth", "peer", "name", "eth0", "netns", inside)
        _ip("link", "add", self._link(node), *pair)
        _ip("link", "set", self._link(node), "master", self._bridge, "up")
        _ip("-n", inside, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", inside, "link", "set", device, "up")

    def _namespace(self, node: int) -> str:
        return f"doorward-{self._number}-{node}"

    def _link(self, node: int) -> str:
        return f"{self._bridge}n{node}"


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, timeout=30)
