"""HTTP over a bare socket, so that requests can be sent that no library would send."""

import contextlib
import json
import re
import socket
from dataclasses import dataclass
from typing import Any

LONGEST = 15.0
VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers (names in lower case), and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that name, or ``None``."""
        return next((value for its, value in self.headers if its == name), None)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def jsonrpc_code(self) -> int | None:
        """The code of the JSON-RPC error, or ``None``."""
        error = self.json.get("error")
        return error.get("code") if isinstance(error, dict) else None


def send(port: int, request: bytes) -> Answer:
    """Send the bytes as they are and return the one answer."""
    with opened(port) as sock:
        # It may answer before it has read everything, which is its right.
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
        received = b""
        while not _is_whole(received, bodiless=request.startswith(b"HEAD ")):
            try:
                part = sock.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            received += part
    return _parse(received)


def _is_whole(received: bytes, *, bodiless: bool) -> bool:
    """Say whether an answer with a Content-Length is there; others end with their connection."""
    if bodiless or received.startswith((b"HTTP/1.1 204 ", b"HTTP/1.1 304 ")):
        return b"\r\n\r\n" in received
    head, gap, body = received.partition(b"\r\n\r\n")
    declared = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return declared is not None and gap != b"" and len(body) >= int(declared[1])


def post(path: str, body: bytes, *headers: tuple[str, str], host: str = "localhost") -> bytes:
    """Return a POST request of JSON."""
    return request("POST", path, body, ("Content-Type", "application/json"), *headers, host=host)


def request(
    method: str, path: str, body: bytes, *headers: tuple[str, str], host: str = "localhost"
) -> bytes:
    """
    Return a request with these headers and a Content-Length.

    It does not ask for the connection to be closed: a server that closes one on which it has not
    read everything resets it, and then the answer can be lost.
    """
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json, text/event-stream",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def call(tool: str, arguments: dict[str, Any]) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Return the body and the headers of a 2026-07-28 tool call."""
    params = {"name": tool, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message).encode(), routing("tools/call", tool)


def routing(method: str, name: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return the headers in which a 2026-07-28 request repeats what its body says."""
    headers = (("MCP-Protocol-Version", VERSION), ("Mcp-Method", method))
    return (*headers, ("Mcp-Name", name)) if name else headers


def _parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple(
        (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
    )
    status = int(first.split(" ", 2)[1]) if first.startswith("HTTP/1.") else 0
    if ("transfer-encoding", "chunked") in headers:
        body = _dechunk(body)
    return Answer(status, headers, body)


def _dechunk(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        whole += rest[:length]
        body = rest[length + 2 :]
    return bytes(whole)


def opened(port: int) -> socket.socket:
    """Return a connection to ``port`` on loopback."""
    return socket.create_connection(("127.0.0.1", port), timeout=LONGEST)
