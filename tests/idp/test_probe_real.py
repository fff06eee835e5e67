"""Probing real servers: our own, and node oidc-provider."""

import json
import secrets
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from doorward.authserver import AuthorizationServer
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.resource import Resource
from doorward.idp.probe.discovery import look
from doorward.idp.probe.measured import Measured
from doorward.idp.probe.probe import probe
from doorward.net import Fetcher
from doorward.net.http.url import read_target
from tests.e2e.processes import started
from tests.idp.listening import Application, listening

NODE = Path(sys.executable).parent / "node"
CLIENTS = Path(__file__).parents[1] / "clients"
RESOURCE = Resource(uri="https://mcp.example/mcp", scopes={"mcp:read": "Read."})


async def measure(issuer: str) -> Measured:
    fetcher = Fetcher(allow_private_hosts=frozenset({read_target(issuer).host_port}))
    return await probe(fetcher, issuer, await look(fetcher, issuer))


def answers(measured: Measured) -> dict[str, str]:
    return {key: str(cell.answer) for key, cell in measured.row.items()}


async def test_our_own_server_is_measured_and_keeps_nothing(tmp_path: Path) -> None:
    database = tmp_path / "as.sqlite"

    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Application]:
        server = AuthorizationServer(
            AuthServerSettings(
                issuer=base,
                resources=(RESOURCE,),
                database_url=f"sqlite+aiosqlite:///{database}",
                secret=secrets.token_urlsafe(32),
            )
        )
        await server.start()
        yield server.app
        await server.aclose()

    with listening(build) as base:
        measured = await measure(base)

    got = answers(measured)
    assert got == {
        "pkce": "yes", "rfc8414": "yes", "rfc7591": "yes", "rfc8707": "unknown", "oidc": "yes", "cimd": "yes",
        "rfc9207": "yes", "dpop": "no", "jwt": "unknown", "introspection": "yes", "revocation": "yes",
    }  # fmt: skip
    assert measured.differences == ()
    assert measured.advice == ()
    with closing(sqlite3.connect(database)) as kept:
        assert kept.execute("select count(*) from clients").fetchone() == (0,)


@contextmanager
def oidc_provider(path: str, registration: str) -> Iterator[tuple[str, list[str]]]:
    """Give the issuer of a node oidc-provider, and what it said once the block has ended."""
    said: list[str] = []
    command = [str(NODE), "oidc_provider.mjs", path, registration]
    with started(command, cwd=CLIENTS, longest=60) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.said_wrong
        yield json.loads(line)["issuer"], said
        # The command may be a wrapper: killing it would leave the server behind, with our pipe.
        assert process.stdin is not None
        process.stdin.close()
        said.extend(process.stdout.readlines())


@pytest.mark.needs("node-clients")
@pytest.mark.parametrize(
    ("registration", "answer"), [("open", "yes"), ("token", "partly"), ("off", "no")]
)
async def test_node_oidc_provider_is_measured_and_registers_nobody(
    registration: str, answer: str
) -> None:
    with oidc_provider("", registration) as (issuer, said):
        measured = await measure(issuer)

    got = answers(measured)
    assert got == {
        "pkce": "yes", "rfc8414": "yes", "rfc7591": answer, "rfc8707": "unknown", "oidc": "yes", "cimd": "no",
        "rfc9207": "yes", "dpop": "yes", "jwt": "unknown", "introspection": "yes", "revocation": "yes",
    }  # fmt: skip
    assert said == []
