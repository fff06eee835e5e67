"""A service on the command line: its secret comes from a file or the environment, and nobody is asked."""

import base64
import webbrowser
from pathlib import Path
from urllib.parse import unquote_plus

import httpx2
import pytest

from doorward.client import FileStore, PrivateKey, TokenStore
from tests.cli.conftest import Command
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.client.test_pinned_issuer import THIEF, turn
from tests.client.test_service import serve_grants
from tests.ledger import proves

SECRET = "s3cret of the nightly job"
NIGHTLY = ("--service", "--client-id", "nightly", "--issuer", ISSUER)
ADD = ("call", SERVER, "add", "a=2", "b=3")


@pytest.fixture
def fake_issuer(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeIssuer:
    """A server whose issuer gives tokens to services, and a machine without a browser."""
    found = FakeIssuer()
    serve_grants(found)
    monkeypatch.setattr("doorward.client.connection.PinnedTransport", lambda _: found.transport)
    monkeypatch.setattr(webbrowser, "open", lambda *_: pytest.fail("a browser was opened"))
    monkeypatch.delenv("DOORWARD_CLIENT_SECRET", raising=False)
    return found


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    return file


def shown(fake_issuer: FakeIssuer) -> list[str]:
    """Return the secrets that went to the token endpoint."""
    asked = [request for request in fake_issuer.asked if str(request.url) == f"{ISSUER}/token"]
    return [secret_of(request) for request in asked]


def secret_of(request: httpx2.Request) -> str:
    scheme, _, pair = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    return unquote_plus(base64.b64decode(pair).decode().partition(":")[2])


def test_a_call_with_a_secret_file_needs_no_login(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    done = doorward(*ADD, *NIGHTLY, "--client-secret-file", str(secret_file))

    assert (done.status, done.out.strip()) == (0, "5"), done.err
    assert shown(fake_issuer) == [SECRET]
    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert form["grant_type"] == "client_credentials"


def test_a_call_reads_the_secret_from_the_environment(
    doorward: Command, fake_issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_CLIENT_SECRET", SECRET)

    assert doorward(*ADD, *NIGHTLY).status == 0
    assert shown(fake_issuer) == [SECRET]


def test_a_service_can_authenticate_with_a_private_key(
    doorward: Command, fake_issuer: FakeIssuer, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(PrivateKey.generate().to_pem())
    file.chmod(0o600)

    assert doorward(*ADD, *NIGHTLY, "--client-key", str(file)).status == 0

    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert "client_secret" not in form


def test_a_service_login_stores_the_token_under_the_account(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    signed_in = doorward(
        "login", SERVER, *NIGHTLY, "--client-secret-file", str(secret_file), "--json"
    )
    called = doorward(*ADD, "--account", "nightly")
    nobody = doorward(*ADD)

    assert signed_in.document["client_id"] == "nightly"
    assert (called.status, nobody.status) == (0, 3)
    assert len(shown(fake_issuer)) == 1
    assert SECRET not in signed_in.out + signed_in.err


def test_a_service_does_not_use_the_stored_token_of_another_client(
    doorward: Command, fake_issuer: FakeIssuer, home: Path, secret_file: Path
) -> None:
    credentials = ("--client-secret-file", str(secret_file), "--account", "shared")
    assert doorward(*ADD, *NIGHTLY, *credentials).status == 0

    assert (
        doorward(*ADD, "--service", "--client-id", "daily", "--issuer", ISSUER, *credentials).status
        == 0
    )

    tokens = TokenStore(FileStore(home), "shared").tokens_for(SERVER)
    assert tokens is not None
    assert tokens.client_id == "daily"
    assert len(shown(fake_issuer)) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(("--service",), "no-client-id", id="which"),
        pytest.param(NIGHTLY, "no-client-secret", id="without-anything-to-show"),
        pytest.param(
            (*NIGHTLY, "--client-secret-file", "none"), "unreadable-credential", id="gone"
        ),
        pytest.param(
            (*NIGHTLY, "--client-secret-file", "secret.txt", "--client-key", "secret.txt"),
            "two-credentials",
            id="both",
        ),
        pytest.param((*NIGHTLY, "--client-key", "secret.txt"), "unreadable-key", id="no-key"),
    ],
)
@pytest.mark.parametrize("verb", [("login", SERVER), ADD], ids=["login", "call"])
def test_invalid_service_options_are_refused_before_any_request(
    doorward: Command,
    fake_issuer: FakeIssuer,
    secret_file: Path,
    verb: tuple[str, ...],
    words: tuple[str, ...],
    reason: str,
) -> None:
    refused = doorward(*verb, *words)

    assert refused.status == 2
    assert f"({reason})" in refused.err
    assert fake_issuer.asked == []
    assert SECRET not in refused.err


def test_a_call_with_a_client_id_but_without_service_is_refused(
    doorward: Command, fake_issuer: FakeIssuer
) -> None:
    refused = doorward(*ADD, "--client-id", "nightly")

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(not-a-service)" in refused.err


@proves("S224", "refuses", "secrets to pinned issuers")
@pytest.mark.parametrize("verb", [("login", SERVER), ADD], ids=["login", "call"])
def test_a_service_secret_without_an_issuer_is_not_sent(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path, verb: tuple[str, ...]
) -> None:
    words = ("--service", "--client-id", "nightly", "--client-secret-file", str(secret_file))

    refused = doorward(*verb, *words)

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(no-issuer)" in refused.err
    assert "--issuer" in refused.err


@proves("S224", "accepts", "secrets to pinned issuers")
def test_the_issuer_is_stored_for_the_client(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    credentials = ("--client-secret-file", str(secret_file), "--account")
    assert doorward(*ADD, *NIGHTLY, *credentials, "one").status == 0

    again = doorward(*ADD, "--service", "--client-id", "nightly", *credentials, "two")
    daily = doorward(*ADD, "--service", "--client-id", "daily", *credentials, "three")

    assert (again.status, daily.status) == (0, 2)
    assert shown(fake_issuer) == [SECRET, SECRET]


@proves("S224", "refuses", "secrets to pinned issuers")
def test_a_server_that_changes_its_issuer_is_refused_with_a_hint(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    words = ("--service", "--client-id", "nightly", "--client-secret-file", str(secret_file))
    assert doorward(*ADD, *words, "--issuer", ISSUER).status == 0
    posted = turn(fake_issuer)
    fake_issuer.live.clear()

    refused = doorward(*ADD, *words)

    assert (refused.status, posted) == (3, [])
    assert "(wrong-issuer)" in refused.err
    assert "--issuer" in refused.err
    assert shown(fake_issuer) == [SECRET]


@proves("S224", "accepts", "secrets to pinned issuers")
def test_the_issuer_option_moves_a_client_to_another_issuer(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    words = ("--service", "--client-id", "nightly", "--client-secret-file", str(secret_file))
    assert doorward(*ADD, *words, "--issuer", ISSUER).status == 0
    posted = turn(fake_issuer)

    assert doorward("login", SERVER, *words, "--issuer", THIEF).status == 0
    assert doorward("login", SERVER, *words).status == 0

    assert [secret_of(request) for request in posted] == [SECRET, SECRET]


def test_an_issuer_needs_a_client_id_and_https(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path
) -> None:
    person = doorward("login", SERVER, "--issuer", ISSUER)
    words = ("--service", "--client-id", "nightly", "--client-secret-file", str(secret_file))
    plain = doorward("login", SERVER, *words, "--issuer", "http://login.example")

    assert (person.status, plain.status, fake_issuer.asked) == (2, 2, [])
    assert "(no-client-id)" in person.err
    assert "(insecure-issuer)" in plain.err


@pytest.mark.parametrize("way", ["--paste", "--device"])
def test_a_service_cannot_use_paste_or_device(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path, way: str
) -> None:
    refused = doorward("login", SERVER, *NIGHTLY, way, "--client-secret-file", str(secret_file))

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(two-ways)" in refused.err


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_file_that_others_can_read_is_refused(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path, mode: int
) -> None:
    secret_file.chmod(mode)

    refused = doorward(*ADD, *NIGHTLY, "--client-secret-file", str(secret_file))

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(exposed-credential)" in refused.err


@pytest.mark.parametrize("content", ["", "\n", "one\ntwo\n", "\x1b[2J"])
def test_a_secret_file_without_exactly_one_valid_line_is_refused(
    doorward: Command, fake_issuer: FakeIssuer, secret_file: Path, content: str
) -> None:
    secret_file.write_text(content)

    refused = doorward(*ADD, *NIGHTLY, "--client-secret-file", str(secret_file))

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(no-client-secret)" in refused.err


@pytest.mark.parametrize("verb", ["login", "call"])
def test_no_option_takes_a_secret_value(
    doorward: Command, fake_issuer: FakeIssuer, verb: str
) -> None:
    refused = doorward(verb, SERVER, *ADD[2:][: 3 * (verb == "call")], "--client-secret", SECRET)

    assert (refused.status, fake_issuer.asked) == (2, [])
    assert "(usage)" in refused.err
    assert SECRET not in refused.out + refused.err
