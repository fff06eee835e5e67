"""The story of a sign-in over sockets: a stock client at the demo, a provider behind ``serve``."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.drivers import PYTHON_SDK, run
from tests.e2e.journey import Errand
from tests.e2e.openid_on_a_port import Provider
from tests.e2e.processes import free_port
from tests.e2e.running_demo import COMMAND, RunningDemo
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in
from tests.e2e.test_serve_with_provider import provider, upstream  # noqa: F401

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def _story(*arguments: str) -> Any:
    done = subprocess.run(
        [COMMAND, "story", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["attempts"]


def _in_order(steps: list[str], wanted: list[str]) -> bool:
    rest: Iterator[str] = iter(steps)
    return all(step in rest for step in wanted)


def test_a_stock_client_at_the_demo_has_a_story_from_the_challenge_to_the_call() -> None:
    with RunningDemo() as demo:
        record = run(
            PYTHON_SDK,
            Errand(
                server=demo.mcp,
                username="alice",
                password=demo.password("alice"),
                mode="auto",
                admin_tool="audit_log",
                client_metadata_url=None,
            ),
        )
        attempts = _story("--at", demo.issuer)
        page = httpx2.get(f"{demo.where['story']}/{attempts[-1]['id']}")

    assert record.client_id
    first = attempts[-1]
    steps = [hop["step"] for hop in first["hops"]]
    assert _in_order(
        steps,
        [
            "challenge",
            "resource-metadata",
            "server-metadata",
            "registration",
            "authorization",
            "sign-in",
            "consent",
            "token",
            "call",
        ],
    ), steps
    assert (first["state"], first["user"]) == ("connected", "alice")
    assert page.status_code == 200
    assert "Answer to the consent page" in page.text
    assert demo.leaks() == []


def test_a_sign_in_at_a_provider_behind_serve_has_a_story_for_operators(
    tmp_path: Path,
    provider: Provider,  # noqa: F811
    upstream: str,  # noqa: F811
) -> None:
    port, operations = free_port(), free_port()
    public = f"http://localhost:{port}"
    subprocess.run(
        [
            *(COMMAND, "init", "--provider", provider.openid.issuer, "--public-url", public),
            *("--allow", "group:staff", "--upstream", upstream, "--client-id", CLIENT_ID),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    file = tmp_path / "doorward.toml"
    table = f'\n[operations]\nlisten = "127.0.0.1:{operations}"\nstory = true\n'
    text = file.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    file.write_text(text + table)
    (tmp_path / "sso.secret").write_text(CLIENT_SECRET)
    provider.redirect_uri = f"{public}/callback/sso"

    with RunningService(file) as service:
        httpx2.post(service.mcp, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        jane = sign_in(service, "jane", "mcp:tools")
        httpx2.post(
            service.mcp,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={
                "Authorization": f"Bearer {jane.access_token}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            },
        )
        attempts = _story("--config", str(file))
        at_public = httpx2.get(f"{public}/story.json")
        service.stop()

    (first,) = attempts
    steps = [hop["step"] for hop in first["hops"]]
    wanted = ["challenge", "registration", "authorization", "to-provider", "callback"]
    assert _in_order(steps, [*wanted, "provider-call", "consent-page", "token", "call"]), steps
    assert first["state"] == "connected"
    told = json.dumps(attempts)
    for secret in (jane.access_token, jane.refresh_token, CLIENT_SECRET):
        assert secret not in told
    assert at_public.status_code == 404
    assert service.leaks() == []
