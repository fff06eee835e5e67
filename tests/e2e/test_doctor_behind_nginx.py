"""The doctor in front of a real nginx, with what people write into its configuration by mistake."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from doorward.doctor.findings.finding import Blame
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import Examination, examine
from tests.doctor.loopback import PRM, TOKEN, Answer, Asked, SetUp, as_json, healthy
from tests.e2e.client_documents import make_certificates
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
    listen 127.0.0.1:{port}{tls};
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
            is_tls = "ssl_certificate" in rules
            inside = made.server.origin
            made.public = f"{'https' if is_tls else 'http'}://localhost:{port}"
            made.challenge = made.challenge.replace(inside, made.public)
            made.resource["resource"] = made.url
            rules = rules.replace("BACKEND", inside.removeprefix("http://"))
            user = "user root;" if tmp_path.owner() == "root" else ""
            file = tmp_path / "nginx.conf"
            tls = " ssl" if is_tls else ""
            file.write_text(CONFIGURATION.format(port=port, tls=tls, rules=rules, user=user))
            program = str(find_nginx())
            command = [program, "-p", str(tmp_path), "-c", str(file), "-e", "error.log"]
            # It returns when the port is open.
            subprocess.run(command, check=True, timeout=60)
            try:
                yield made
            finally:
                subprocess.run([*command, "-s", "stop"], check=True, timeout=60)

    return put


async def examined(url: str, *, signs_in: bool = False, per_hop: float = 12.0) -> Examination:
    """Return what the doctor finds at ``url``, over sockets; an answer may take ``per_hop`` seconds."""
    plan = Plan(sign_in="browser", open_url=open_in_thread) if signs_in else Plan()
    probe = Probe(url, Network(), Budget(per_hop=per_hop), plan)
    try:
        return await examine(probe, url)
    finally:
        await probe.aclose()


def open_in_thread(url: str) -> None:
    """Open ``url`` as a browser does, while the doctor listens for the redirect."""

    def open_url() -> None:
        httpx2.get(url, follow_redirects=True, trust_env=False, timeout=30)

    threading.Thread(target=open_url, daemon=True).start()


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


def _streams(made: SetUp) -> None:
    """Answer calls with the token as an event stream that stays open behind its answer."""
    made.server.stays_open = True

    def mcp(asked: Asked) -> Answer:
        status, headers, body = made.mcp(asked)
        if asked.token != TOKEN or asked.method != "POST" or status != 200:
            return status, headers, body
        return (
            200,
            {"Content-Type": "text/event-stream"},
            b"event: message\ndata: " + body + b"\n\n",
        )

    for method in ("GET", "POST", "DELETE"):
        made.server.on(method, "/mcp", mcp)


@proves("S221", "refuses", "doctor findings")
async def test_a_stream_that_nginx_holds_back_is_not_the_servers_for_sure(behind: Behind) -> None:
    # Before 1.29.7, nginx speaks 1.0 to servers unless it is told otherwise.
    with behind("location / { proxy_http_version 1.0; proxy_pass http://BACKEND; }") as made:
        _streams(made)
        found = await examined(made.url, signs_in=True, per_hop=3.0)
    assert _found(found) == [("call-hangs", Blame.UNSURE)]
    assert "nginx" in found.evidence.parties


@proves("S221", "accepts", "doctor findings")
async def test_a_stream_that_nginx_passes_on_at_once_gives_no_finding(behind: Behind) -> None:
    rule = "location / { proxy_http_version 1.0; proxy_buffering off; proxy_pass http://BACKEND; }"
    with behind(rule) as made:
        _streams(made)
        assert _found(await examined(made.url, signs_in=True)) == []


TLS = "ssl_certificate chain.pem; ssl_certificate_key key.pem;"


def _builds_urls_from_requests(made: SetUp) -> None:
    """Announce the metadata at the scheme of the request, as frameworks do."""

    def mcp(asked: Asked) -> Answer:
        scheme = asked.headers.get("X-Forwarded-Proto", "http")
        url = f"{scheme}://{asked.headers['Host']}{PRM}/mcp"
        return made.refusal(WWW_Authenticate=f'Bearer resource_metadata="{url}", scope="read"')

    for method in ("GET", "POST", "DELETE"):
        made.server.on(method, "/mcp", mcp)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("", [("metadata-url-http", Blame.SERVER)], id="not-forwarded"),
        pytest.param("proxy_set_header X-Forwarded-Proto $scheme;", [], id="forwarded"),
    ],
)
async def test_a_scheme_that_nginx_does_not_forward_is_missing_in_the_challenge(
    behind: Behind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    expected: list[tuple[str, Blame]],
) -> None:
    authority = tmp_path / "authority.pem"
    make_certificates(authority, tmp_path / "chain.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    # Headers of a location replace those around it, so the host is named again.
    here = f"location / {{ proxy_pass http://BACKEND; proxy_set_header Host $http_host; {rule} }}"
    with behind(TLS + here) as made:
        _builds_urls_from_requests(made)
        found = await examined(made.url)
    assert _found(found) == expected
