"""One rotating refresh token, shared by tasks, threads and processes."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest

from doorward.client import FileStore, OAuth, SignIn, Tokens, TokenStore
from tests.client.rotating_issuer import Rotating, rotating

ROOT = Path(__file__).parent.parent.parent


def signed_in(fake_issuer: Rotating, folder: Path) -> TokenStore:
    token_store = TokenStore(FileStore(folder))
    tokens = Tokens(
        issuer=fake_issuer.url,
        resource=f"{fake_issuer.url}/mcp",
        client_id="c",
        access_token=fake_issuer.access,
        refresh_token=fake_issuer.refresh,
        expires_at=1.0,
    )
    token_store.save_tokens(f"{fake_issuer.url}/mcp", tokens)
    return token_store


@pytest.mark.slow
@pytest.mark.parametrize(
    "rounds",
    [
        50,
        pytest.param(1000, marks=[pytest.mark.e2e, pytest.mark.timeout(180)]),
    ],
)
def test_two_processes_share_a_rotating_refresh_token_without_reuse(
    tmp_path: Path, rounds: int
) -> None:
    with rotating() as fake_issuer:
        token_store = signed_in(fake_issuer, tmp_path / "home")
        command = [sys.executable, "-m", "tests.client.refresh_worker", f"{fake_issuer.url}/mcp"]
        workers = [
            subprocess.Popen(
                [*command, str(tmp_path / "home"), str(rounds)],
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        ended = [(worker.communicate(timeout=170)[1], worker.returncode) for worker in workers]

        assert ended == [("", 0), ("", 0)]
        assert fake_issuer.thefts == 0
        assert fake_issuer.served == 2 * rounds
        # Every call of both found its token near its end, so this many turns were taken.
        assert fake_issuer.refreshes == 2 * rounds
        kept = token_store.tokens_for(f"{fake_issuer.url}/mcp")
        assert kept is not None
        assert kept.refresh_token == fake_issuer.refresh


def test_threads_with_their_own_event_loops_share_one_refresh(tmp_path: Path) -> None:
    with rotating(lifetime=3600) as fake_issuer:
        token_store = signed_in(fake_issuer, tmp_path / "home")
        url = f"{fake_issuer.url}/mcp"
        shared = OAuth(url, SignIn.for_server(url, token_store=token_store), interactive=False)
        answers: list[int] = []

        async def call() -> None:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            async with httpx2.AsyncClient(auth=shared, trust_env=False) as http:
                many = await asyncio.gather(*(http.post(url, json=message) for _ in range(20)))
            answers.extend(answer.status_code for answer in many)

        threads = [threading.Thread(target=lambda: asyncio.run(call())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert answers == [200] * 80
        assert (fake_issuer.refreshes, fake_issuer.thefts) == (1, 0)
