"""The example that serves many people, as it is run: in processes of its own."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from doorward.serving.connection import MAX_HEAD_SIZE
from doorward.testing import TokenMint
from tests.e2e.processes import Process, free_port, started, wait_for
from tests.examples.conftest import RESOURCE
from tests.examples.test_protect_fastapi import call

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def base(issuer: TokenMint) -> Iterator[str]:
    """Run it with two workers, and say where."""
    port = free_port()
    settings = {"ISSUER": issuer.issuer, "RESOURCE": RESOURCE, "PORT": str(port), "WORKERS": "2"}
    command = [sys.executable, "-m", "examples.serve"]
    with started(command, cwd=ROOT, longest=100, env={**os.environ, **settings}) as process:
        wait_for(port, process)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def end(process: Process) -> None:
    """Stop it politely, so that it ends its workers."""
    process.terminate()
    process.wait(30)


async def test_whichever_worker_they_meet_callers_are_served_and_strangers_are_not(
    base: str, issuer: TokenMint
) -> None:
    token = issuer.mint("alice", scopes={"orders:read"})
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(on_a_connection_of_its_own(base, token)) for _ in range(20)]

    served = [one.result() for one in asked]
    assert [one.status_code for one in served] == [200] * 20
    assert served[0].json()["result"]["structuredContent"] == {"result": ["an order of alice"]}
    assert (await on_a_connection_of_its_own(base, None)).status_code == 401


async def on_a_connection_of_its_own(base: str, token: str | None) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=base, headers={"host": "localhost:8000"}) as http:
        return await call(http, token, "my_orders")


async def test_a_head_without_end_is_refused_there(base: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(base, headers={"x-long": "a" * (MAX_HEAD_SIZE + 1)})

    assert answer.status_code == 431
