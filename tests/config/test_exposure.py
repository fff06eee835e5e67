"""Nothing is served to other machines without protection, and nothing is controlled from there."""

import inspect
from pathlib import Path

import pytest

from doorward.cli.server import demo, gateway
from doorward.config import load
from doorward.errors import ConfigurationError
from doorward.serving import listen
from tests.config.served_configuration import ORIGIN, PONG, serving_configuration
from tests.ledger import proves
from tests.net.tls_server import ok

CONTROL = ["/metrics", "/healthz", "/readyz", "/admin", "/reload", "/config", "/debug"]


@proves("S161", "refuses", "control stays local")
@pytest.mark.parametrize("path", CONTROL)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_data_port_has_no_control(tmp_path: Path, path: str, method: str) -> None:
    async with serving_configuration(tmp_path, ok(PONG)) as served:
        answer = await served.ask(method, f"{ORIGIN}{path}")

    assert answer.status_code == 404
    assert served.behind.requests == []


@proves("S161", "refuses", "control stays local")
@pytest.mark.parametrize("listen_at", ["0.0.0.0:8000", "127.0.0.1:8000"])
def test_a_server_without_anybody_who_may_enter_is_not_served(
    tmp_path: Path, listen_at: str
) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(
        f'listen = "{listen_at}"\n[[mcp_servers]]\nresource = "{ORIGIN}/mcp"\n'
        'upstream = "http://127.0.0.1:9000/mcp"\npolicy = {}\n'
    )

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "no-issuers"


@proves("S161", "accepts", "control stays local")
async def test_a_protected_server_is_served_at_its_path(tmp_path: Path) -> None:
    async with serving_configuration(
        tmp_path, ok(PONG, "Content-Type: application/json"), first='listen = "0.0.0.0:8000"'
    ) as served:
        answer = await served.ask()

    assert answer.status_code == 200


@proves("S161", "refuses", "control stays local")
def test_commands_that_serve_without_a_guard_listen_on_loopback_alone() -> None:
    sockets = listen(0)
    addresses = {one.getsockname()[0] for one in sockets}
    for one in sockets:
        one.close()

    assert addresses <= {"127.0.0.1", "::1"}
    for command in (demo.demo, gateway.gateway):
        assert {"host", "listen"}.isdisjoint(inspect.signature(command).parameters)
