"""The doctor in front of a real nginx, with what people write into its configuration by mistake."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from doorward.doctor.findings.finding import Blame
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import Examination, examine
from tests.doctor.loopback import PRM, SetUp, as_json, healthy
from tests.e2e.processes import free_port
from tests.e2e.round_robin import find_nginx
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.needs("nginx")]

CONFIGURATION = """\
daemon on;
worker_processes 1;
pid nginx.pid;
error_log error.log;
{user}
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  server {{
    listen 127.0.0.1:{port};
{rules}
  }}
}}
"""
ALL = "location / { proxy_pass http://BACKEND; }"
WELL_KNOWN = "location /.well-known/ { proxy_pass http://BACKEND; }"
Behind = Callable[[str], AbstractContextManager[SetUp]]


@pytest.fixture
def behind(tmp_path: Path) -> Behind:
    """Serve a healthy set-up behind nginx with these rules; BACKEND is the server's address."""

    @contextmanager
    def put(rules: str) -> Iterator[SetUp]:
        with healthy() as made:
            port = free_port()
            inside, made.public = made.server.origin, f"http://127.0.0.1:{port}"
            made.challenge = made.challenge.replace(inside, made.public)
            made.resource["resource"] = made.url
            rules = rules.replace("BACKEND", inside.removeprefix("http://"))
            user = "user root;" if tmp_path.owner() == "root" else ""
            file = tmp_path / "nginx.conf"
            file.write_text(CONFIGURATION.format(port=port, rules=rules, user=user))
            program = str(find_nginx())
            command = [program, "-p", str(tmp_path), "-c", str(file), "-e", "error.log"]
            # It returns when the port is open.
            subprocess.run(command, check=True, timeout=60)
            try:
                yield made
            finally:
                subprocess.run([*command, "-s", "stop"], check=True, timeout=60)

    return put


async def examined(url: str) -> Examination:
    """Return what the doctor finds at ``url``, over sockets."""
    probe = Probe(url, Network(), Budget())
    try:
        return await examine(probe, url)
    finally:
        await probe.aclose()


def _found(examination: Examination) -> list[tuple[str, Blame]]:
    return [(one.finding.code, one.blame) for one in examination.diagnoses]


@proves("S221", "accepts", "doctor findings")
async def test_nginx_that_passes_everything_on_gives_no_finding(behind: Behind) -> None:
    with behind(ALL) as made:
        assert _found(await examined(made.url)) == []


@proves("S221", "refuses", "doctor findings")
@pytest.mark.parametrize(
    ("rules", "code", "blame"),
    [
        pytest.param(
            "location /mcp/ { proxy_pass http://BACKEND; }" + WELL_KNOWN,
            "redirect-slash",
            Blame.PROXY,
            id="path-rule",
        ),
        pytest.param(
            "proxy_hide_header WWW-Authenticate;" + ALL,
            "challenge-missing",
            Blame.UNSURE,
            id="header-dropped",
        ),
        pytest.param(
            'if ($http_user_agent ~* "claude|python") { return 403; }' + ALL,
            "user-agent-blocked",
            Blame.PROXY,
            id="user-agent-rule",
        ),
        pytest.param(
            r"location ~ /\. { deny all; }" + ALL,
            "metadata-protected",
            Blame.PROXY,
            id="hidden-files-denied",
        ),
        pytest.param(
            "location /mcp { proxy_pass http://BACKEND; }",
            "metadata-not-found",
            Blame.PROXY,
            id="well-known-not-routed",
        ),
        pytest.param("client_max_body_size 100;" + ALL, "body-limit", Blame.PROXY, id="body-limit"),
        pytest.param(
            "location / { return 301 https://www.example$request_uri; }",
            "endpoint-redirects",
            Blame.PROXY,
            id="redirect",
        ),
        pytest.param(
            "location / { proxy_pass http://127.0.0.1:9; }",
            "backend-away",
            Blame.UNSURE,
            id="backend-away",
        ),
        pytest.param(
            "auth_basic staging; auth_basic_user_file users;" + ALL,
            "challenge-not-bearer",
            Blame.PROXY,
            id="password",
        ),
    ],
)
async def test_a_mistake_in_nginx_is_the_only_finding(
    behind: Behind, tmp_path: Path, rules: str, code: str, blame: Blame
) -> None:
    (tmp_path / "users").write_text("")
    with behind(rules) as made:
        assert _found(await examined(made.url)) == [(code, blame)]


async def test_a_prefix_that_nginx_removes_is_missing_in_the_resource(behind: Behind) -> None:
    with behind("location /api/ { proxy_pass http://BACKEND/; }" + WELL_KNOWN) as made:
        found = await examined(f"{made.public}/api/mcp")
        assert _found(found) == [("resource-mismatch", Blame.SERVER)]


async def test_a_timeout_of_nginx_is_no_error_of_the_server(behind: Behind) -> None:
    with behind("proxy_read_timeout 1s;" + ALL) as made:
        made.server.every = lambda asked: made.stuck() if asked.path == "/mcp" else None
        assert _found(await examined(made.url)) == [("backend-away", Blame.UNSURE)]


async def test_https_at_a_port_that_speaks_http_only_fails_in_tls(behind: Behind) -> None:
    with behind(ALL) as made:
        found = await examined(made.url.replace("http://", "https://"))
        assert [one.finding.code for one in found.diagnoses] == ["tls-failed"]


async def test_metadata_of_the_inner_address_is_named(behind: Behind) -> None:
    with behind(ALL) as made:
        made.resource["resource"] = f"{made.server.origin}/mcp"
        made.server.on("GET", f"{PRM}/mcp", lambda _asked: as_json(made.resource))
        assert _found(await examined(made.url)) == [("resource-mismatch", Blame.SERVER)]
