"""Step 11's client: what it believes of an answer, and its way through the demo, hop by hop."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from doorward.client.oauth.authorization import (
    AuthorizationRequest,
    validate_authorization_response,
)
from doorward.client.refusals import SignInFailed
from doorward.wire.oauth import resource_metadata, server_metadata
from doorward.wire.oauth.server_metadata import ServerMetadata
from mcp_http import hops
from mcp_http.hops import Hops, Wire
from mcp_http.step11 import Client, judged
from tests.e2e.client_documents import ClientDocuments
from tests.e2e.running_demo import RunningDemo
from tests.tutorial.running import step11

ISSUER = "https://login.example/one"


def provider(*, promises: bool = True) -> ServerMetadata:
    return ServerMetadata(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        authorization_response_iss_parameter_supported=promises,
    )


ANSWERS = {
    "ours": {"state": "s", "code": "c", "iss": ISSUER},
    "of another issuer": {"state": "s", "code": "c", "iss": "https://evil.example"},
    "of an issuer with a slash more": {"state": "s", "code": "c", "iss": f"{ISSUER}/"},
    "of no issuer": {"state": "s", "code": "c"},
    "with another state": {"state": "t", "code": "c", "iss": ISSUER},
    "without a state": {"code": "c", "iss": ISSUER},
    "a refusal": {"state": "s", "error": "access_denied", "iss": ISSUER},
    "a refusal of another issuer": {"state": "s", "error": "x", "iss": "https://evil.example"},
    "nothing": {},
}
SAME = {"denied": "access-denied"}


@pytest.mark.parametrize("promises", [True, False])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_step_11_and_the_toolkit_agree_which_answers_are_ours(
    answer: dict[str, str], promises: bool
) -> None:
    server = provider(promises=promises)
    attempt = AuthorizationRequest(
        server=server,
        client_id="c",
        redirect_uri="http://127.0.0.1:1/callback",
        resource="https://mcp.example/mcp",
        scopes=frozenset(),
        state="s",
    )

    try:
        by_hand = judged(server, "s", answer)
    except SignInFailed as refusal:
        by_hand = SAME.get(refusal.reason, refusal.reason)
    try:
        by_the_toolkit = validate_authorization_response(attempt, answer)
    except SignInFailed as refusal:
        by_the_toolkit = refusal.reason.replace("issuer-missing", "issuer-mismatch")

    assert by_hand == by_the_toolkit


def test_without_a_browser_the_whole_url_is_printed_and_that_the_client_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda *_args, **_named: False)
    url = f"{ISSUER}/authorize?state={'s' * 43}&code_challenge={'c' * 43}"

    hops.browse(url)

    said = capsys.readouterr().err
    assert url in said.splitlines()
    assert "Waiting for the sign-in" in said


MCP = "http://localhost:9000/mcp"
ABOUT = "http://localhost:9000/.well-known/oauth-protected-resource/mcp"


class Told:
    """Everything behind a client: a server, its metadata, and its provider's."""

    def __init__(self, resource: str = MCP, issuer: str = ISSUER, pkce: bool = True) -> None:
        self.posted: list[str] = []
        self._resource = {"resource": resource, "authorization_servers": [ISSUER]}
        self._provider = {
            "issuer": issuer,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "registration_endpoint": f"{ISSUER}/register",
            **({"code_challenge_methods_supported": ["S256"]} if pkce else {}),
        }

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.posted.append(request.url.path)
            challenge = f'Bearer resource_metadata="{ABOUT}"'
            return httpx2.Response(401, headers={"www-authenticate": challenge})
        about = str(request.url) == ABOUT
        return httpx2.Response(200, json=self._resource if about else self._provider)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(Told(resource="http://localhost:9000/other"), id="another-resource"),
        pytest.param(Told(issuer="https://evil.example"), id="another-issuer"),
        pytest.param(Told(pkce=False), id="no-pkce"),
    ],
)
async def test_metadata_that_speaks_for_somebody_else_ends_the_journey(told: Told) -> None:
    opened: list[str] = []
    wire = Wire(Hops(lambda _line: None), httpx2.MockTransport(told))
    client = Client(MCP, wire, browser=opened.append)

    with pytest.raises(
        (server_metadata.ServerMetadataRefused, resource_metadata.ResourceMetadataRefused)
    ):
        await client.ask("tools/list")

    assert opened == []
    assert told.posted == ["/mcp"]


def test_a_client_is_kept_under_its_issuer_and_shown_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    hops.keep_client(ISSUER, "one", "http://127.0.0.1:1/callback")
    hops.keep_client("https://evil.example", "two", "http://127.0.0.1:2/callback")

    assert hops.clients_kept()[ISSUER]["client_id"] == "one"
    assert set(hops.clients_kept()) == {ISSUER, "https://evil.example"}
    (tmp_path / "client_credentials.json").write_text("{ not json")
    assert hops.clients_kept() == {}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientDocuments]:
    with ClientDocuments(tmp_path_factory.mktemp("authority"), ["step11"]) as serving:
        yield serving


@pytest.fixture(scope="module")
def demo(documents: ClientDocuments) -> Iterator[RunningDemo]:
    with RunningDemo(
        "--insecure-allow-client-documents-from",
        documents.host,
        environment={"SSL_CERT_FILE": str(documents.authority)},
    ) as running:
        yield running


def hops_of(said: str) -> list[str]:
    """Return the numbered lines, without numbers and addresses."""
    lines = re.findall(r"^ *\d+  (.*)$", said, re.MULTILINE)
    return [re.sub(r"https?://[^/ ]+", "", line) for line in lines]


SIGN_IN = [
    "GET /.well-known/oauth-protected-resource/mcp → 200",
    "GET /.well-known/oauth-authorization-server → 200",
]
BROWSER = ["browser /authorize", "browser came back", "POST /token → 200"]


@pytest.mark.e2e
def test_at_the_demo_the_client_names_itself_by_its_document(
    demo: RunningDemo, documents: ClientDocuments, tmp_path: Path
) -> None:
    document = documents.url("step11")

    done = step11(
        tmp_path,
        *("alice", demo.password("alice"), "--server", demo.mcp, "--client-document", document),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert hops_of(done.stdout) == [
        "POST /mcp tools/call echo → 401",
        *SIGN_IN,
        *BROWSER,
        "POST /mcp tools/call echo → 200",
    ]
    assert f"client_id: {document}" in done.stdout
    assert '"hello"' in done.stdout
    assert "step11" in documents.reads


@pytest.mark.e2e
def test_without_a_document_it_registers_and_steps_up_when_told_to(
    demo: RunningDemo, tmp_path: Path
) -> None:
    done = step11(
        tmp_path,
        *("admin", demo.password("admin"), "--server", demo.mcp, "--tool", "audit_log"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert hops_of(done.stdout) == [
        "POST /mcp tools/call audit_log → 401",
        *SIGN_IN,
        "POST /register → 201",
        *BROWSER,
        "POST /mcp tools/call audit_log → 403",
        *SIGN_IN,
        *BROWSER,
        "POST /mcp tools/call audit_log → 200",
    ]
    assert "scope: mcp:admin mcp:prompts mcp:read mcp:tools" in done.stdout


@pytest.mark.e2e
def test_who_may_not_is_told_so_and_not_asked_for_ever(demo: RunningDemo, tmp_path: Path) -> None:
    done = step11(
        tmp_path, *("bob", demo.password("bob"), "--server", demo.mcp, "--tool", "audit_log")
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stdout.count("browser came back") <= 2


@pytest.mark.e2e
def test_the_toolkits_client_comes_to_the_same_result(demo: RunningDemo, tmp_path: Path) -> None:
    alice = ("alice", demo.password("alice"), "--server", demo.mcp)

    by_hand = step11(tmp_path, *alice)
    by_the_toolkit = step11(tmp_path, *alice, "--toolkit")

    assert by_hand.returncode == by_the_toolkit.returncode == 0, by_the_toolkit.stderr
    assert by_hand.stdout.endswith(by_the_toolkit.stdout)
