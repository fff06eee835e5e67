"""Step 10 as a process, at a Keycloak that rotates its keys, goes away, and comes back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import free_port
from tests.keycloak.running import PASSWORDS, RunningKeycloak
from tests.tutorial.running import DidNotCome, Running, Step10, step10, step11, write_env

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def step(
    running_keycloak: RunningKeycloak, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Step10]:
    with step10(running_keycloak, tmp_path_factory.mktemp("step10")) as running:
        yield running


def call(step: Step10, token: str) -> httpx2.Response:
    """Call ``whoami`` in a legacy protocol revision."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    message["params"] = {"name": "whoami", "arguments": {}}
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {token}",
    }
    return httpx2.post(step.mcp, json=message, headers=headers, timeout=30)


def test_while_keycloak_is_stopped_known_keys_serve_and_others_get_503(
    running_keycloak: RunningKeycloak, step: Step10
) -> None:
    known, fresh = running_keycloak.token("mcp-user"), running_keycloak.token("mcp-admin")
    assert call(step, known).status_code == 200
    running_keycloak.rotate_keys()
    unknown = running_keycloak.token("mcp-user")
    running_keycloak.stop()
    try:
        assert call(step, known).status_code == 200
        assert call(step, fresh).status_code == 200
        refused = call(step, unknown)
    finally:
        running_keycloak.start_again()

    assert refused.status_code == 503
    assert refused.json()["error"]["data"]["reason"] == "keys-unavailable"
    assert refused.headers["retry-after"] == "5"
    assert call(step, unknown).status_code == 200


def test_keys_that_keycloak_rotates_lose_no_request(
    running_keycloak: RunningKeycloak, step: Step10
) -> None:
    before = running_keycloak.token("mcp-user")
    assert call(step, before).status_code == 200

    running_keycloak.rotate_keys()

    assert call(step, running_keycloak.token("mcp-user")).status_code == 200
    assert call(step, before).status_code == 200


def test_a_user_without_the_scope_is_told_its_name(
    running_keycloak: RunningKeycloak, step: Step10
) -> None:
    refused = call(step, running_keycloak.token("mcp-readonly"))

    assert refused.status_code == 403
    assert 'scope="mcp:read mcp:tools"' in refused.headers["www-authenticate"]


def test_the_client_tells_a_user_who_may_not_which_scopes_were_missing(
    step: Step10, tmp_path: Path
) -> None:
    done = step11(tmp_path, "mcp-readonly", PASSWORDS["mcp-readonly"], "--server", step.mcp)

    assert done.returncode == 1
    assert "This operation needs the scopes: mcp:read mcp:tools (403)." in done.stderr
    assert "Traceback" not in done.stderr


def test_with_the_server_behind_the_proxy_too_everything_has_one_address(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    public, inside = f"http://localhost:{free_port()}", free_port()
    running_keycloak.accept_audience(f"{public}/mcp")
    env = write_env(
        tmp_path / "one.env",
        KEYCLOAK_URL=public,
        KEYCLOAK_UPSTREAM_URL=running_keycloak.url,
        MCP_SERVER_URL=public,
        MCP_UPSTREAM_URL=f"http://localhost:{inside}",
    )

    with (
        Running("doorward", "gateway", "--env", str(env), cwd=tmp_path) as gateway,
        Running("step10", "--env", str(env), "--port", str(inside), cwd=tmp_path),
    ):
        done = step11(
            tmp_path,
            *("mcp-user", PASSWORDS["mcp-user"], "--server", f"{public}/mcp", "--tool", "whoami"),
        )
        told = "\n".join(gateway.said)

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"user"' in done.stdout
    addresses = set(re.findall(r"http://[^/ \"]+", done.stdout))
    assert {one for one in addresses if "127.0.0.1" not in one} == {public}
    # A line for each request; what the browser carried in queries stays out of it.
    assert "200 POST /mcp" in told
    assert "code=" not in told


def test_a_keycloak_that_is_not_there_yet_is_said_and_waited_for(tmp_path: Path) -> None:
    nowhere = f"http://localhost:{free_port()}"
    address = f"http://localhost:{free_port()}"
    env = write_env(tmp_path / "x.env", KEYCLOAK_URL=nowhere, MCP_SERVER_URL=address)

    with Running("step10", "--env", str(env), cwd=tmp_path) as running:
        answer = httpx2.get(f"{address}/health")
        told = "\n".join(running.said)

    assert answer.json()["status"] == "healthy"
    assert f"Nobody answers at {nowhere}/realms/mcp-realm yet. Start Keycloak" in told
    assert "KEYCLOAK_REALM is not set; using mcp-realm." in told


def test_a_port_in_use_stops_it_with_one_sentence(step: Step10, tmp_path: Path) -> None:
    env = write_env(tmp_path / "x.env", MCP_SERVER_URL=step.address)

    with pytest.raises(DidNotCome, match="is in use by another program"):
        Running("step10", "--env", str(env), cwd=tmp_path)


def test_the_proxy_stops_at_a_realm_that_keycloak_does_not_have(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    env = write_env(
        tmp_path / "x.env",
        KEYCLOAK_URL=f"http://localhost:{free_port()}",
        KEYCLOAK_UPSTREAM_URL=running_keycloak.url,
        KEYCLOAK_REALM="nowhere",
    )

    with pytest.raises(DidNotCome, match="has no realm 'nowhere'"):
        Running("doorward", "gateway", "--env", str(env), cwd=tmp_path)
