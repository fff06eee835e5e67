"""
Measure what users, sign-ins and refreshes take in the database, and what a process takes in memory.

``python -m benchmarks.sizing [postgresql://…]``; without a URL, in a SQLite file of its own.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import psutil
from sqlalchemy import text

from benchmarks.issuers.doorward_issuer import _METADATA, _codes, _settings
from benchmarks.issuers.seed import CALLBACK, RESOURCE, SCOPE
from doorward.authserver import AuthorizationServer

COUNT = 2_000


async def size(server: AuthorizationServer) -> int:
    """Return the bytes of the tables with their indexes, after unused space was given back."""
    store = server.services.store
    if store.is_shared:
        async with store.engine.connect() as opened:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM FULL"))
            total = (
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
            return int((await connection.execute(text(total))).scalar_one())
    path = Path(store.engine.url.database or "")
    subprocess.run(
        ["sqlite3", str(path), "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return path.stat().st_size


async def measure(database_url: str, count: int) -> None:
    """Print the bytes that one more user, sign-in and refresh take."""
    server = AuthorizationServer(_settings(database_url), audit=lambda _: None)
    await server.start()

    async def added(what: str, work: Callable[[], Awaitable[None]]) -> None:
        before = await size(server)
        await work()
        print(f"{what}: {(await size(server) - before) / count:.0f} bytes each", flush=True)

    codes: list[tuple[str, str]] = []
    tokens: list[str] = []
    user = await server.users.add("alice", None, SCOPE.split(), (), "Alice")
    client, _ = await server.services.clients.register(_METADATA)
    transport = httpx2.ASGITransport(app=server.app)
    http = httpx2.AsyncClient(transport=transport, base_url=server.settings.issuer)

    async def add_users() -> None:
        for number in range(count):
            await server.users.add(f"user-{number}@example.com", None, SCOPE.split(), (), "A Name")

    async def sign_in() -> None:
        # Each hundred in one transaction, which may take five seconds.
        for _ in range(count // 100):
            codes.extend(await _codes(server, user, client, 100))
        for code, verifier in codes:
            fields = {
                "grant_type": "authorization_code",
                "client_id": client.client_id,
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": CALLBACK,
                "resource": RESOURCE,
            }
            tokens.append((await http.post("/token", data=fields)).json()["refresh_token"])

    async def refresh() -> None:
        for token in tokens:
            fields = {"grant_type": "refresh_token", "client_id": client.client_id}
            answer = await http.post("/token", data={**fields, "refresh_token": token})
            assert answer.status_code == 200, answer.text

    try:
        await added("user", add_users)
        await added("sign-in, until the grant expires", sign_in)
        await added("refresh, for five minutes", refresh)
    finally:
        await http.aclose()
        await server.aclose()


def memory(folder: Path, count: int) -> None:
    """Print the memory of ``doorward serve`` at its start, and after many requests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "doorward.toml"
    file.write_text(
        f"""listen = "127.0.0.1:{port}"
[authorization_server]
issuer = "http://localhost:{port}"
database_url = "sqlite:///doorward.db"
secret_file = "doorward.secret"
[[mcp_servers]]
resource = "http://localhost:{port}/mcp"
upstream = "http://127.0.0.1:1/mcp"
scopes = {{ "mcp:read" = "See tools" }}
policy = {{ base = {{ scopes = ["mcp:read"] }} }}
""",
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).parent / "doorward"), "serve", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        at = f"http://localhost:{port}"
        http = httpx2.Client(base_url=at, timeout=30)
        while True:
            try:
                http.get("/.well-known/oauth-authorization-server").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.2)
        seen = psutil.Process(process.pid)
        print(f"memory at the start: {seen.memory_info().rss / 1e6:.0f} MB", flush=True)
        for number in range(count):
            http.post("/mcp", json={"jsonrpc": "2.0", "id": number, "method": "ping"})
            http.post("/token", data={"grant_type": "refresh_token", "client_id": str(number)})
        print(
            f"memory after {2 * count} requests: {seen.memory_info().rss / 1e6:.0f} MB", flush=True
        )
        process.terminate()


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description="Measure what sizing needs.")
    parser.add_argument("database_url", nargs="?")
    parser.add_argument("--count", type=int, default=COUNT, help="rows of each kind, in hundreds")
    arguments = parser.parse_args()
    given, count = arguments.database_url, arguments.count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(measure(given or f"sqlite+aiosqlite:///{folder / 'sizing.db'}", count))
        if given is None:
            memory(folder, count)


if __name__ == "__main__":
    main()
