"""The kinds of sign-in on the command line, and several accounts."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from doorward.cli.client import login
from tests.cli.conftest import Command, Running
from tests.cli.scripted_user import ScriptedUser

AsUser = Callable[..., ScriptedUser]


class Elsewhere(ScriptedUser):
    """A person whose browser is on another machine: nobody answers at its last address."""

    last = ""

    def open(self, url: str, new: int = 0) -> bool:
        """Go on until the browser is sent to a loopback address, and remember that address."""
        try:
            super().open(url, new)
        except httpx2.ConnectError as error:
            self.last = str(error.request.url)
        return True


def test_the_paste_option_accepts_a_pasted_redirect_url(
    doorward: Command, demo: Running, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Elsewhere("alice", "alice-demo")
    shown: list[str] = []

    def address(_self: object, url: str) -> None:
        shown.append(url)
        alice.open(url)
        monkeypatch.setattr(sys, "stdin", io.StringIO(alice.last + "\n"))

    monkeypatch.setattr("doorward.cli.output.Output.address", address)

    signed_in = doorward("login", demo.mcp, "--paste")

    assert signed_in.status == 0, signed_in.err
    assert len(shown) == 1
    assert urlsplit(alice.last).hostname == "127.0.0.1"
    assert float(doorward("call", demo.mcp, "add", "a=2", "b=3").out) == 5.0
    assert "code=" not in signed_in.out + signed_in.err


def test_the_device_option_is_refused_without_device_flow(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    refused = doorward("login", demo.mcp, "--device")

    assert (refused.status, "no-device-flow" in refused.err) == (3, True)


def test_the_user_code_is_shown_with_the_verification_uri(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from doorward.cli.output import Output
    from doorward.client import DeviceCode

    progress = login.LoginProgress(Output(), no_browser=False)
    progress.show(
        DeviceCode(
            verification_uri="https://issuer.example/enter",
            user_code="WDJB-MJHT",
            verification_uri_complete=None,
            expires_in=60,
        )
    )

    said = capsys.readouterr().err
    assert "WDJB-MJHT" in said
    assert "\nhttps://issuer.example/enter\n" in said


def test_two_accounts_at_one_server_are_independent(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")
    assert doorward("login", demo.mcp, "--account", "work").status == 0
    as_user("admin")
    assert doorward("login", demo.mcp, "--account", "home").status == 0

    work = doorward("whoami", demo.mcp, "--account", "work", "--json").document
    fake_issuer = doorward("whoami", demo.mcp, "--account", "home", "--json").document
    assert work["subject"] != fake_issuer["subject"]
    assert doorward("whoami", demo.mcp).status == 3
    assert doorward("tools", demo.mcp, "--account", "work").status == 0
    assert doorward("call", demo.mcp, "add", "a=1", "b=1", "--account", "home").status == 0
    assert doorward("logout", "--account", "work").status == 0
    assert doorward("whoami", demo.mcp, "--account", "work").status == 3
    assert "--account work" in doorward("tools", demo.mcp, "--account", "work").err
    assert doorward("whoami", demo.mcp, "--account", "home").status == 0


def test_an_invalid_account_name_is_a_usage_error(doorward: Command, demo: Running) -> None:
    refused = doorward("whoami", demo.mcp, "--account", "a b", "--json")

    assert refused.status == 2
    assert refused.document["error"]["code"] == "malformed-account"


def test_client_document_prints_a_document_or_refuses_an_invalid_url(
    doorward: Command,
) -> None:
    written = doorward("client-document", "https://me.example/client.json", "--name", "Mine")
    refused = doorward("client-document", "https://me.example/", "--json")

    assert written.document["client_id"] == "https://me.example/client.json"
    assert written.document["client_name"] == "Mine"
    assert refused.status == 6
    assert refused.document["error"]["code"] == "not-a-client-id-url"
