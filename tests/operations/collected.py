"""A real OpenTelemetry Collector, and one sign-in at a provider whose spans it receives."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx2
from starlette.applications import Starlette
from starlette.routing import Route

from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.form_browser import FormBrowser
from tests.e2e.openid_on_a_port import Provider
from tests.e2e.pong import pong
from tests.e2e.processes import free_port, started
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import REDIRECT_URI, authorize
from tests.pages.browser import served

MODULE = Path(__file__).parent / "collector"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
_SOURCES = ("go.mod", "go.sum", "main.go")
_LONGEST_BUILD = 1500.0
_WITHIN = 60.0


def built() -> Path:
    """Return the built collector, building it when that was not done yet: minutes, once."""
    mark = hashlib.sha256(b"".join((MODULE / name).read_bytes() for name in _SOURCES)).hexdigest()
    binary = MODULE / ".cache" / f"collector-{mark[:16]}"
    if not binary.exists():
        aside = binary.with_suffix(".new")
        subprocess.run(
            ["go", "build", "-mod=readonly", "-trimpath", "-o", str(aside), "."],
            cwd=MODULE,
            check=True,
            timeout=_LONGEST_BUILD,
        )
        aside.rename(binary)
    return binary


@dataclass(frozen=True)
class Collector:
    """A running collector: where it receives, and the file that it writes."""

    endpoint: str
    file: Path

    def text(self) -> str:
        """Return everything that it received, once a span of the last request is there."""
        ends = time.monotonic() + _WITHIN
        while time.monotonic() < ends:
            text = self.file.read_text("utf-8") if self.file.exists() else ""
            if "POST /mcp" in text:
                return text
            time.sleep(0.1)
        raise AssertionError(text)

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans that it received."""
        return [
            span
            for line in self.text().splitlines()
            for resource in json.loads(line)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


@contextmanager
def collecting(folder: Path, *, zipkin: str | None = None) -> Iterator[Collector]:
    """Run the collector; it passes spans on to ``zipkin`` too."""
    port, file = free_port(), folder / "spans.jsonl"
    exporters = {"file": {"path": str(file)}}
    if zipkin is not None:
        exporters["zipkin"] = {"endpoint": f"{zipkin}/api/v2/spans"}
    endpoint = f"127.0.0.1:{port}"
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": endpoint}}}},
        "exporters": exporters,
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": list(exporters)}},
        },
    }
    # JSON is YAML.
    (folder / "collector.yaml").write_text(json.dumps(configuration), "utf-8")
    command = [str(built()), "--config", str(folder / "collector.yaml")]
    with started(command, cwd=folder, longest=300):
        yield Collector(f"http://{endpoint}", file)


def _configuration(folder: Path, port: int, provider: str, upstream: str) -> Path:
    (folder / "sso.secret").write_text(CLIENT_SECRET, "utf-8")
    (folder / "sso.secret").chmod(0o600)
    file = folder / "doorward.toml"
    file.write_text(
        f"""
listen = "127.0.0.1:{port}"

[operations]
traces = true

[authorization_server]
issuer = "http://localhost:{port}"
database_url = "sqlite:///doorward.db"
secret_file = "doorward.secret"

[[identity_providers]]
name = "sso"
issuer = "{provider}"
client_id = "{CLIENT_ID}"
client_secret_file = "sso.secret"
allow = {{ groups = ["staff"] }}

[[mcp_servers]]
resource = "http://localhost:{port}/mcp"
upstream = "{upstream}/mcp"
scopes = {{ "mcp:read" = "See tools" }}
policy = {{ base = {{ scopes = ["mcp:read"] }} }}
""",
        "utf-8",
    )
    return file


def sign_in_and_call(folder: Path, endpoint: str) -> set[str]:
    """
    Sign in at a provider and call a tool, every request in one trace; return the secrets in it.

    The service has stopped afterwards, and so has sent every span.
    """
    provider, port = Provider(), free_port()
    tools = Starlette(routes=[Route("/mcp", pong, methods=["GET", "POST"])])
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with served(provider.app) as at, served(tools) as upstream, patch.dict(os.environ, variables):
        provider.openid.issuer = at
        provider.redirect_uri = f"http://localhost:{port}/callback/sso"
        file = _configuration(folder, port, at, upstream)
        with RunningService(file) as service:
            browser = FormBrowser("", "", delivers=False, provider="sso")
            browser._client.headers["traceparent"] = TRACEPARENT
            pending = authorize(service, "", "mcp:read", browser=browser)
            headers = {"traceparent": TRACEPARENT}
            fields = {
                "grant_type": "authorization_code",
                "client_id": pending.client_id,
                "code": pending.code,
                "code_verifier": pending.verifier,
                "redirect_uri": REDIRECT_URI,
                "resource": service.mcp,
            }
            answer = httpx2.post(
                f"{service.issuer}/token", data=fields, headers=headers, timeout=30
            )
            tokens = answer.json()
            headers |= {
                "Authorization": f"Bearer {tokens['access_token']}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            }
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            called = httpx2.post(service.mcp, json=ping, headers=headers, timeout=30)
            assert called.status_code == 200, called.text
            service.stop()
    return {tokens["access_token"], tokens["refresh_token"], pending.code, pending.verifier}
