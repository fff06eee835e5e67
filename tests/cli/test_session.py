"""A user's session against a running demo: sign in, look around, call, sign out."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Running
from tests.cli.scripted_user import ScriptedUser

AsUser = Callable[..., ScriptedUser]


def test_alice_signs_in_calls_a_tool_and_signs_out(
    doorward: Command, demo: Running, as_user: AsUser, home: Path
) -> None:
    as_user("alice")

    signed_in = doorward("login", demo.mcp)
    assert signed_in.status == 0, signed_in.err
    assert [line.split()[1] for line in signed_in.err.splitlines()] == [
        "server",
        "sign-in",
        "client",
        "browser",
        "answer",
    ]
    assert signed_in.out.startswith(f"Signed in to {demo.mcp}\n  user     Alice")
    assert signed_in.out.endswith(
        f"  storage  {home}/tokens.json, a plain file that only you can read (mode 0600)\n"
    )

    tools = doorward("tools", demo.mcp)
    assert [line.split("\t")[0] for line in tools.out.splitlines()] == ["echo", "get_time", "add"]
    assert tools.err == ""

    added = doorward("call", demo.mcp, "add", "a=2", "b=3")
    assert (added.status, float(added.out), added.err) == (0, 5.0, "")

    known = doorward("whoami", demo.mcp)
    assert "  scopes   mcp:read mcp:tools\n" in known.out
    token = (home / "tokens.json").read_text().partition('"access_token": "')[2].partition('"')[0]
    assert token.count(".") == 2
    assert token not in signed_in.out + signed_in.err + known.out + known.err

    ended = doorward("logout", demo.mcp)
    assert (ended.status, ended.err.split()) == (0, ["✓", "logout", f"{demo.mcp},", "revoked"])
    assert doorward("whoami", demo.mcp).status == 3


def test_the_error_for_the_admin_tool_names_all_its_scopes(
    doorward: Command, demo: Running, signed_in: Path
) -> None:
    refused = doorward("call", demo.mcp, "audit_log")
    as_json = doorward("call", demo.mcp, "audit_log", "--json")

    assert refused.status == as_json.status == 1
    assert refused.out == ""
    assert refused.err.splitlines() == [
        "doorward: error: This needs the scopes: mcp:admin mcp:read mcp:tools. (insufficient-scope)",
        f'doorward: hint: Run: doorward login {demo.mcp} --scope "mcp:admin mcp:read mcp:tools"',
    ]
    assert as_json.document["error"]["scopes"] == ["mcp:admin", "mcp:read", "mcp:tools"]
    assert as_json.document["error"]["exit_status"] == 1


def test_a_sign_in_with_the_hinted_scopes_allows_the_tool(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("admin")
    doorward("login", demo.mcp, "--scope", "mcp:read mcp:tools")
    assert doorward("call", demo.mcp, "audit_log").status == 1

    doorward("login", demo.mcp, "--scope", "mcp:admin mcp:read mcp:tools")

    assert doorward("call", demo.mcp, "audit_log").status == 0


def test_scopes_that_were_not_granted_are_named(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")

    signed_in = doorward("login", demo.mcp, "--scope", "mcp:read,mcp:admin")

    assert signed_in.status == 0
    told = signed_in.err.splitlines()[-1]
    assert told.startswith("Not granted: mcp:admin.")
    assert "--account NAME" in told


def test_an_expired_token_is_renewed_silently(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    alice = as_user("alice")
    doorward("login", demo.mcp)
    before = doorward("whoami", demo.mcp, "--json").document
    pages = len(alice.pages)
    demo.clock.ahead = 2 * 3600.0

    added = doorward("call", demo.mcp, "add", "a=1", "b=1")
    demo.clock.ahead = 0.0

    assert (added.status, float(added.out), added.err) == (0, 2.0, "")
    after = doorward("whoami", demo.mcp, "--json").document
    assert after["expires_at"] > before["expires_at"]
    assert len(alice.pages) == pages


def test_a_denied_consent_ends_the_sign_in(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice", decision="deny")

    refused = doorward("login", demo.mcp)

    assert refused.status == 3
    assert "doorward: error: The request was denied. (access-denied)" in refused.err


def test_the_json_option_prints_one_document_and_no_progress(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    as_user("alice")

    signed_in = doorward("login", demo.mcp, "--json")
    tools = doorward("tools", demo.mcp, "--json")
    called = doorward("call", demo.mcp, "echo", "message=hello", "--json")
    ended = doorward("logout", "--json")

    assert signed_in.err == tools.err == called.err == ended.err == ""
    assert signed_in.document["signed_in"] is True
    assert signed_in.document["scopes"] == ["mcp:read", "mcp:tools"]
    assert [tool["name"] for tool in tools.document["tools"]] == ["echo", "get_time", "add"]
    assert called.document["content"][0]["type"] == "text"
    assert "hello" in called.document["content"][0]["text"]
    assert ended.document == {"signed_out": [{"server": demo.mcp, "revoked": True}]}


def test_the_no_browser_option_prints_the_url_on_its_own_line(
    doorward: Command, demo: Running, as_user: AsUser
) -> None:
    person = as_user("alice")

    given_up = doorward("login", demo.mcp, "--no-browser", "--timeout", "1")

    assert given_up.status == 3
    assert person.pages == []
    (address,) = [line for line in given_up.err.splitlines() if line.startswith("http")]
    assert address.startswith(f"{demo.url}/")
    assert "code_challenge_method=S256" in address
    assert "(timed-out)" in given_up.err


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(("add", "a=x", "b=1"), 2, "wrong-argument-type", id="wrong-type"),
        pytest.param(("add", "a=1", "a=2"), 2, "malformed-argument", id="twice"),
        pytest.param(("add", "a"), 2, "malformed-argument", id="no-value"),
        pytest.param(("add", "a:=nope"), 2, "malformed-argument", id="no-json"),
        pytest.param(("add", "a=1"), 2, "missing-argument", id="missing-argument"),
        pytest.param(("add", "a=1", "b=2", "c=3"), 2, "unknown-argument", id="unknown-argument"),
        pytest.param(("nope",), 2, "unknown-tool", id="unknown-tool"),
        pytest.param(("get_time", "timezone=nowhere"), 5, "tool-error", id="tool"),
    ],
)
def test_an_invalid_call_has_its_own_reason_and_exit_code(
    doorward: Command,
    demo: Running,
    signed_in: Path,
    words: tuple[str, ...],
    status: int,
    reason: str,
) -> None:
    ended = doorward("call", demo.mcp, *words)

    assert ended.status == status
    assert f"({reason})" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("verb", [("tools",), ("call", "add"), ("whoami",)])
def test_without_a_sign_in_the_hint_is_the_login_command(
    doorward: Command, demo: Running, verb: tuple[str, ...]
) -> None:
    ended = doorward(verb[0], demo.mcp, *verb[1:])

    assert ended.status == 3
    assert f"doorward: hint: Run: doorward login {demo.mcp}" in ended.err


def test_signing_out_without_a_sign_in_is_not_an_error(doorward: Command, demo: Running) -> None:
    assert doorward("logout", demo.mcp).status == 0
    assert doorward("logout").err == "You are not signed in: no tokens are stored.\n"


def test_ctrl_c_during_a_sign_in_prints_nothing(demo: Running, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "doorward.cli", "login", demo.mcp, "--no-browser"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for shown in process.stderr:
        if shown.startswith("http"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (130, "", "")
