"""A real Prometheus scrapes a running service, and each panel of the dashboard has data."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.form_browser import FormBrowser
from tests.e2e.openid_on_a_port import Provider
from tests.e2e.processes import free_port, started
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import authorize, redeem
from tests.operations.test_dashboards import DASHBOARD
from tests.pages.browser import served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("promtool"),
    pytest.mark.timeout(600),
]
WITHIN = 240.0
MOST_SIGN_INS = 20
PANELS: dict[str, list[str]] = {
    panel["title"]: [target["expr"].replace("$instance", ".*") for target in panel["targets"]]
    for panel in DASHBOARD["panels"]
}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def _answer(request: Request) -> Response:
    message = json.loads(await request.body())
    # A server that fails sometimes.
    if message["id"] == 2:
        return Response(status_code=500)
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    return Response(json.dumps(answer), media_type="application/json")


def _configuration(folder: Path, port: int, provider: str, upstream: str) -> Path:
    file = folder / "doorward.toml"
    file.write_text(
        f"""
listen = "127.0.0.1:{port}"

[operations]
listen = "127.0.0.1:0"

[authorization_server]
issuer = "http://localhost:{port}"
database_url = "sqlite:///doorward.db"
secret_file = "doorward.secret"

[[identity_providers]]
name = "sso"
issuer = "{provider}"
client_id = "{CLIENT_ID}"
client_secret_env = "SSO_SECRET"
allow = {{ groups = ["staff"] }}

[[identity_providers]]
name = "away"
issuer = "http://localhost:1"
client_id = "doorward"
client_secret_env = "AWAY_SECRET"
allow = {{ domains = ["example.com"] }}

[[mcp_servers]]
resource = "http://localhost:{port}/mcp"
upstream = "{upstream}/mcp"
scopes = {{ "mcp:read" = "See tools" }}
policy = {{ base = {{ scopes = ["mcp:read"] }} }}
""",
        "utf-8",
    )
    return file


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run Prometheus, which scrapes ``target`` each second."""
    scraped = [{"job_name": "doorward", "static_configs": [{"targets": [target]}]}]
    # JSON is YAML.
    configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(json.dumps(configuration), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    with started(command, cwd=folder, longest=500):
        yield f"http://{address}"


def _has_data(at: str, query: str) -> bool:
    try:
        answer = httpx2.get(f"{at}/api/v1/query", params={"query": query}, timeout=10)
    except httpx2.TransportError:
        return False
    if answer.status_code == 503:
        return False
    found = answer.json()
    assert found["status"] == "success", found
    return any(not math.isnan(float(one["value"][1])) for one in found["data"]["result"])


def _until_scraped(at: str, ends: float) -> None:
    while not _has_data(at, 'up{job="doorward"} == 1'):
        assert time.monotonic() < ends, "Prometheus has scraped nothing"
        time.sleep(0.2)


def test_each_panel_of_the_dashboard_has_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSO_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("AWAY_SECRET", "mQ8v-2kTz6R-nnw41xEr")
    upstream = Starlette(routes=[Route("/mcp", _answer, methods=["POST"])])
    with ExitStack() as stack:
        provider, port = Provider(), free_port()
        provider.openid.issuer = stack.enter_context(served(provider.app))
        provider.redirect_uri = f"http://localhost:{port}/callback/sso"
        origin = stack.enter_context(served(upstream))
        file = _configuration(tmp_path, port, provider.openid.issuer, origin)
        service = stack.enter_context(RunningService(file))
        at = stack.enter_context(prometheus(tmp_path, service.where["operations"]))
        headers = {"Accept": "application/json, text/event-stream"}
        missing, ends = set(PANELS), time.monotonic() + WITHIN
        _until_scraped(at, ends)
        sign_ins, due = 0, 0.0
        while missing and time.monotonic() < ends:
            # A few, at several scrapes: registrations are limited, and a rate needs two samples.
            if sign_ins < MOST_SIGN_INS and time.monotonic() >= due:
                due = time.monotonic() + 0.5
                browser = FormBrowser("", "", delivers=False, provider="sso")
                pending = authorize(service, "", "mcp:read", browser=browser)
                tokens = redeem(service, pending).json()
                sign_ins += 1
            own = {**headers, "Authorization": f"Bearer {tokens['access_token']}"}
            for number in (1, 2):
                httpx2.post(service.mcp, json={**PING, "id": number}, headers=own, timeout=30)
            httpx2.post(service.mcp, json=PING, headers=headers, timeout=30)
            # Asks the provider that is away.
            httpx2.get(f"http://{service.where['operations']}/readyz", timeout=30)
            missing = {
                title
                for title in missing
                if not any(_has_data(at, query) for query in PANELS[title])
            }

    assert missing == set()
