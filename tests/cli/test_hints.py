"""Hints lead on: none leads back to the error that it stands below."""

import shlex
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Ended, Running
from tests.cli.scripted_user import ScriptedUser
from tests.net.tls_server import authority

AsUser = Callable[..., ScriptedUser]


def hint_of(ended: Ended) -> str:
    """The one hint on stderr."""
    (hint,) = [line for line in ended.err.splitlines() if line.startswith("doorward: hint: ")]
    return hint.removeprefix("doorward: hint: ")


def command_in(hint: str) -> list[str]:
    """The words of the command behind ``Run:`` in a hint, without ``doorward``."""
    return shlex.split(hint.rpartition("un: ")[2])[1:]


def test_the_hint_does_not_repeat_a_sign_in_that_did_not_grant_the_scope(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")
    doorward("login", demo.mcp)

    first = hint_of(doorward("call", demo.mcp, "audit_log"))
    assert doorward(*command_in(first)).status == 0
    second = hint_of(doorward("call", demo.mcp, "audit_log"))

    assert second != first
    assert "requested mcp:admin and did not get it" in second
    as_user("admin")
    other = [word if word != "NAME" else "other" for word in command_in(second)]
    assert doorward(*other, "--scope", "mcp:admin mcp:read mcp:tools").status == 0
    assert doorward("call", demo.mcp, "audit_log", "--account", "other").status == 0


def test_the_hint_for_a_missing_scope_includes_the_scopes_of_the_token(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")
    doorward("login", demo.mcp, "--scope", "mcp:tools")

    hint = hint_of(doorward("tools", demo.mcp))

    assert command_in(hint) == ["login", demo.mcp, "--scope", "mcp:read mcp:tools"]


def test_a_scope_that_was_not_granted_is_remembered_after_a_refresh(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")
    doorward("login", demo.mcp, "--scope", "mcp:read mcp:tools mcp:admin")
    demo.clock.ahead = 2 * 3600.0
    refused = doorward("call", demo.mcp, "audit_log")
    demo.clock.ahead = 0.0

    assert "did not get it" in hint_of(refused)


@pytest.mark.parametrize("signs_in", [True, False])
@pytest.mark.parametrize("words", [("tools",), ("call", "audit_log"), ("call", "nope")])
def test_a_hint_keeps_the_account(
    doorward: Command, demo: Running, as_user: AsUser, words: tuple[str, ...], signs_in: bool
) -> None:
    if signs_in:
        as_user("alice")
        doorward("login", demo.mcp, "--account", "work", "--scope", "mcp:tools mcp:read")

    ended = doorward(words[0], demo.mcp, *words[1:], "--account", "work")

    if ended.status:
        assert "--account work" in hint_of(ended)
    else:
        assert words == ("tools",)


def test_the_hint_for_an_unknown_tool_names_a_similar_one_and_the_list_command(
    doorward: Command, demo: Running, signed_in: Path
) -> None:
    similar = doorward("call", demo.mcp, "ad", "a=1")
    other = doorward("call", demo.mcp, "zzz")

    assert similar.status == other.status == 2
    assert "-32602" not in similar.err
    assert (
        hint_of(similar) == f"Did you mean 'add'? To see all tools, run: doorward tools {demo.mcp}"
    )
    assert hint_of(other) == f"To see all tools, run: doorward tools {demo.mcp}"


def test_a_refused_stored_token_is_not_reported_as_a_missing_sign_in(
    doorward: Command, demo: Running, signed_in: Path
) -> None:
    stored = signed_in / "tokens.json"
    text = stored.read_text()
    token = text.partition('"access_token": "')[2].partition('"')[0]
    refresh = text.partition('"refresh_token": "')[2].partition('"')[0]
    stored.write_text(text.replace(token, token[:-8] + "AAAAAAAA").replace(refresh, "gone"))

    refused = doorward("tools", demo.mcp)

    assert refused.status == 3
    assert "does not accept the stored token" in refused.err
    assert "operator must check" in hint_of(refused)


def test_the_hint_for_a_denial_without_a_consent_page_names_the_scopes(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    guest = as_user("guest")

    refused = doorward("login", demo.mcp)

    assert refused.status == 3
    assert not any('name="decision"' in page for page in guest.pages)
    assert "none of the requested scopes" in hint_of(refused)


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server whose certificate only its own authority vouches for: its URL, and the authority."""
    folder = tmp_path_factory.mktemp("tls")
    context, _ = authority(folder, "localhost")
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"https://localhost:{server.server_port}", folder / "server.pem"
    server.shutdown()
    thread.join(30)
    server.server_close()


@pytest.mark.parametrize("words", [("login", "/mcp"), ("tools", "/mcp"), ("idp probe", "")])
def test_the_hint_for_an_untrusted_certificate_names_ssl_cert_file(
    doorward: Command, own_certificate: tuple[str, Path], words: tuple[str, str]
) -> None:
    ended = doorward(*words[0].split(), own_certificate[0] + words[1])

    assert ended.status == 6
    assert "(untrusted-certificate)" in ended.err
    assert "SSL_CERT_FILE" in hint_of(ended)


def test_ssl_cert_file_makes_a_certificate_trusted(
    doorward: Command, own_certificate: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, pem = own_certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert ssl.get_default_verify_paths().cafile == str(pem)

    trusted = doorward("tools", f"{url}/mcp")
    other_name = doorward("tools", f"{url.replace('localhost', '127.0.0.1')}/mcp")

    assert "(untrusted-certificate)" not in trusted.err
    assert "(untrusted-certificate)" in other_name.err
