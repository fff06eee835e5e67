"""A person signs in with a client that was registered by hand: its id, its secret, its redirect URI."""

import base64
import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import httpx2
import pytest

from tests.cli.conftest import Command, Running
from tests.cli.scripted_user import ScriptedUser
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.client.test_pinned_issuer import THIEF, turn
from tests.ledger import proves

SECRET = "s3cret of the web app"
CLIENT = ("--client-id", "web-app")
ADD = ("call", SERVER, "add", "a=2", "b=3")


class Registered(FakeIssuer):
    """An issuer that registers nobody, and knows one client with a secret."""

    def __init__(self, methods: tuple[str, ...] = ("client_secret_basic",)) -> None:
        super().__init__()
        del self.metadata["registration_endpoint"]
        self.metadata["token_endpoint_auth_methods_supported"] = list(methods)
        self.credentials: list[tuple[str, str, str]] = []
        self.routes[f"{ISSUER}/token"] = self._with_secret
        self.routes[f"{ISSUER}/authorize"] = lambda _: httpx2.Response(200, html="<p>page</p>")

    def _with_secret(self, request: httpx2.Request) -> httpx2.Response:
        form = dict(parse_qsl(request.content.decode()))
        shown = ("client_secret_post", form.get("client_id", ""), form.get("client_secret", ""))
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            shown = ("client_secret_basic", unquote_plus(name), unquote_plus(secret))
        self.credentials.append(shown)
        if shown[1:] != ("web-app", SECRET):
            return httpx2.Response(401, json={"error": "invalid_client"})
        return self._token(request)


@pytest.fixture
def fake_issuer(
    home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Registered:
    """The issuer, and a browser in which its user signs in."""
    found = Registered(getattr(request, "param", ("client_secret_basic",)))
    monkeypatch.setattr("doorward.client.connection.PinnedTransport", lambda _: found.transport)

    def opened(url: str, new: int = 0) -> bool:
        found.browser(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.delenv("DOORWARD_CLIENT_SECRET", raising=False)
    return found


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


@proves("S224", "accepts", "secrets to pinned issuers")
@pytest.mark.parametrize(
    ("fake_issuer", "method"),
    [
        (("client_secret_basic", "client_secret_post"), "client_secret_basic"),
        (("client_secret_post",), "client_secret_post"),
    ],
    indirect=["fake_issuer"],
)
def test_the_client_secret_is_sent_by_an_advertised_method(
    doorward: Command, fake_issuer: Registered, secret_file: Path, method: str
) -> None:
    words = (*CLIENT, "--issuer", ISSUER, "--client-secret-file", str(secret_file))

    signed_in = doorward("login", SERVER, *words)

    assert signed_in.status == 0, signed_in.err
    assert fake_issuer.credentials == [(method, "web-app", SECRET)]
    assert SECRET not in signed_in.out + signed_in.err
    assert doorward(*ADD).out.strip() == "5"


def test_a_refresh_and_a_later_sign_in_reuse_the_stored_client(
    doorward: Command, fake_issuer: Registered, secret_file: Path, port: int
) -> None:
    fake_issuer.lifetime = 1
    words = (*CLIENT, "--issuer", ISSUER, "--client-secret-file", str(secret_file))
    assert doorward("login", SERVER, *words, "--port", str(port)).status == 0

    assert doorward(*ADD).status == 0
    assert doorward("login", SERVER, "--scope", "mcp:read").status == 0
    assert doorward("login", SERVER, *CLIENT).status == 0
    assert doorward("login", SERVER).status == 0

    assert {shown[1:] for shown in fake_issuer.credentials} == {("web-app", SECRET)}
    assert len(fake_issuer.authorizations) == 4
    assert {asked["redirect_uri"] for asked in fake_issuer.authorizations} == {
        f"http://127.0.0.1:{port}/callback"
    }


@proves("S224", "refuses", "secrets to pinned issuers")
def test_a_client_secret_without_an_issuer_is_not_sent(
    doorward: Command, fake_issuer: Registered, secret_file: Path
) -> None:
    refused = doorward("login", SERVER, *CLIENT, "--client-secret-file", str(secret_file))

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(no-issuer)" in refused.err


@proves("S224", "refuses", "secrets to pinned issuers")
def test_a_client_secret_is_not_sent_when_the_server_changes_its_issuer(
    doorward: Command, fake_issuer: Registered, secret_file: Path
) -> None:
    words = (*CLIENT, "--client-secret-file", str(secret_file))
    assert doorward("login", SERVER, *words, "--issuer", ISSUER).status == 0
    posted = turn(fake_issuer)
    fake_issuer.live.clear()

    named = doorward("login", SERVER, *words)
    stored = doorward("login", SERVER)

    assert (named.status, stored.status, posted) == (3, 3, [])
    assert "(wrong-issuer)" in named.err
    assert THIEF in named.err
    assert len(fake_issuer.credentials) == 1


def test_a_confidential_web_client_signs_in_at_the_demo_server(
    doorward: Command,
    demo: Running,
    as_user: Callable[..., ScriptedUser],
    tmp_path: Path,
    port: int,
) -> None:
    asked = {
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
    }
    made = httpx2.post(f"{demo.url}/register", json=asked).json()
    file = tmp_path / "secret.txt"
    file.write_text(made["client_secret"])
    file.chmod(0o600)
    as_user("alice")
    words = ("--client-id", made["client_id"], "--port", str(port), "--issuer", demo.url)

    public = doorward("login", demo.mcp, *words)
    signed_in = doorward("login", demo.mcp, *words, "--client-secret-file", str(file))

    assert "(invalid-client)" in public.err
    assert "--client-secret-file" in public.err
    assert signed_in.status == 0, signed_in.err
    demo.clock.ahead = 2 * 3600.0
    renewed = doorward("call", demo.mcp, "add", "a=2", "b=3")
    demo.clock.ahead = 0.0
    assert float(renewed.out) == 5.0, renewed.err


def test_a_configured_port_in_use_is_an_error(doorward: Command, fake_issuer: Registered) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = doorward("login", SERVER, *CLIENT, "--port", str(port))

    assert refused.status == 3
    assert "(redirect-port-unusable)" in refused.err
    assert "--port" in refused.err
    assert fake_issuer.authorizations == []


def test_the_error_names_the_redirect_uri_to_register(
    doorward: Command, fake_issuer: Registered
) -> None:
    refused = doorward("login", SERVER)

    assert "(no-registration)" in refused.err
    uri = refused.err.partition("redirect URI ")[2].partition(". ")[0]
    port = refused.err.partition("--port ")[2].partition(";")[0]
    assert uri == f"http://127.0.0.1:{port}/callback"

    told = doorward("login", SERVER, *CLIENT, "--port", port)

    assert f"redirect URI {uri}" in told.err
    assert fake_issuer.authorizations[0]["redirect_uri"] == uri


def test_a_refused_client_id_is_not_stored(doorward: Command, fake_issuer: Registered) -> None:
    wrong = doorward("login", SERVER, "--client-id", "wbe-app")
    again = doorward("login", SERVER)

    assert "(invalid-client)" in wrong.err
    assert "--client-secret-file" in wrong.err
    assert "(no-registration)" in again.err


def test_the_error_for_a_wrong_secret_names_the_authentication_method(
    doorward: Command, fake_issuer: Registered, secret_file: Path
) -> None:
    secret_file.write_text("another")
    words = (*CLIENT, "--issuer", ISSUER, "--client-secret-file", str(secret_file))

    refused = doorward("login", SERVER, *words)

    assert refused.status == 3
    assert "(invalid-client)" in refused.err
    assert "It was sent by client_secret_basic" in refused.err
    assert "another" not in refused.err


def test_the_timeout_error_names_the_redirect_uri(
    doorward: Command, fake_issuer: Registered, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda *_, **__: True)

    ended = doorward("login", SERVER, *CLIENT, "--port", str(port), "--timeout", "1")

    assert "(timed-out)" in ended.err
    assert f"register http://127.0.0.1:{port}/callback for the client web-app" in ended.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(("--client-secret-file", "secret.txt"), "no-client-id", id="whose-secret"),
        pytest.param(("--issuer", ISSUER), "no-client-id", id="whose-issuer"),
        pytest.param((*CLIENT, "--client-key", "secret.txt"), "not-for-a-person", id="key"),
        pytest.param(
            (*CLIENT, "--issuer", ISSUER, "--client-secret-file", "gone.txt"),
            "unreadable-credential",
            id="no-file",
        ),
    ],
)
def test_incomplete_client_options_are_refused_before_any_request(
    doorward: Command,
    fake_issuer: Registered,
    secret_file: Path,
    words: tuple[str, ...],
    reason: str,
) -> None:
    refused = doorward("login", SERVER, *words)

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert f"({reason})" in refused.err
    assert SECRET not in refused.err


def test_call_refuses_client_options_without_service(
    doorward: Command, fake_issuer: Registered, secret_file: Path
) -> None:
    refused = doorward(*ADD, *CLIENT, "--client-secret-file", str(secret_file))

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "give them to doorward login" in refused.err
