"""``generate_token.py``: the seed's options, tokens that the steps accept, and keys that stay put."""

import base64
import importlib.util
import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from doorward.jose.pem import read_public_pem
from tests.conftest import ROOT
from tests.tutorial.in_process import ADDRESS, RESOURCE
from tests.tutorial.places import STEPS_FOLDER

_SPEC = importlib.util.spec_from_file_location("gen", STEPS_FOLDER / "generate_token.py")
assert _SPEC is not None
assert _SPEC.loader is not None
SCRIPT: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(SCRIPT)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for keys."""
    monkeypatch.setenv("MCP_KEYS", str(tmp_path))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["generate_token.py", *arguments])
    SCRIPT.main()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token, unverified."""
    head, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    return head, claims


def test_keys_are_made_and_the_private_one_is_its_owners_alone(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--generate-keys")

    private, public = keys / "mcp_private_key.pem", keys / "mcp_public_key.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert read_public_pem(public.read_bytes())["alg"] == "RS256"
    assert sorted(file.name for file in keys.iterdir()) == [private.name, public.name]


def test_new_keys_replace_the_old_ones(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "--generate-keys")
    before = (keys / "mcp_public_key.pem").read_bytes()
    run(monkeypatch, "--generate-keys")

    assert (keys / "mcp_public_key.pem").read_bytes() != before


def test_a_token_has_the_claims_of_the_tutorial(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--generate-keys", "--username", "alice", "--scopes", "mcp:read,mcp:tools")

    (line,) = capsys.readouterr().out.splitlines()
    head, claims = parts(line)
    published = read_public_pem((keys / "mcp_public_key.pem").read_bytes())
    assert head == {"alg": "RS256", "typ": "at+jwt", "kid": published["kid"]}
    assert claims.pop("exp") - claims.pop("iat") == 3600
    assert claims.pop("jti")
    assert claims == {
        "iss": ADDRESS,
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "generate-token",
        "scope": "mcp:read mcp:tools",
        "roles": ["user"],
        "preferred_username": "alice",
    }


@pytest.mark.parametrize(
    ("username", "scopes", "role"),
    [
        ("bob", "mcp:read,mcp:prompts", "user"),
        ("admin", "mcp:read,mcp:tools,mcp:prompts", "admin"),
        ("guest", "", "guest"),
        ("somebody-else", "mcp:read", "user"),
    ],
)
def test_the_seeds_users_have_their_roles(
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    username: str,
    scopes: str,
    role: str,
) -> None:
    run(monkeypatch, "--generate-keys", "--username", username, "--scopes", scopes)

    _, claims = parts(capsys.readouterr().out.strip())
    assert claims["scope"].split() == sorted(scopes.split(",")) if scopes else not claims["scope"]
    assert claims["roles"] == [role]


def test_demo_prints_a_token_for_each_of_the_four(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--generate-keys", "--demo")

    said = capsys.readouterr().out
    tokens = [line for line in said.splitlines() if line.startswith("eyJ")]
    assert [parts(one)[1]["sub"] for one in tokens] == ["alice", "bob", "admin", "guest"]
    assert "guest (no scopes):" in said


@pytest.mark.parametrize(
    ("span", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("2d", 172800), ("2", 7200)]
)
def test_expires_is_a_span_of_time(
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    span: str,
    seconds: int,
) -> None:
    run(monkeypatch, "--generate-keys", "--username", "alice", "--expires", span)

    _, claims = parts(capsys.readouterr().out.strip())
    assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--username", "alice"], "--generate-keys"),
        (["--username", "alice", "--scopes", 'a"b'], "is no list of scopes"),
        (["--username", "alice", "--audience", "nowhere"], "is not a resource"),
        (["--username", "alice", "--issuer", "http://issuer.example"], "https"),
    ],
)
def test_what_cannot_be_done_ends_with_one_sentence(
    keys: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    if says != "--generate-keys":
        run(monkeypatch, "--generate-keys")

    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *arguments)

    assert says in str(end.value)
    assert "\n" not in str(end.value)


@pytest.mark.parametrize("span", ["0", "-1", "1y", "", "tomorrow", "99999999h"])
def test_a_span_that_is_none_is_refused(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], span: str
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--username", "alice", f"--expires={span}")

    assert "is no span" in capsys.readouterr().err


def test_a_private_key_that_others_can_read_is_not_used(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--generate-keys")
    (keys / "mcp_private_key.pem").chmod(0o644)

    with pytest.raises(SystemExit, match="Other users of this machine can read"):
        run(monkeypatch, "--username", "alice")


def test_without_anything_to_do_it_says_what_there_is(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch)

    assert "--username NAME, --demo or --generate-keys" in capsys.readouterr().err


def test_no_private_key_is_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("nothing is committed here: this is no repository")
    listed = subprocess.run(
        ["git", "ls-files", "http-transport-steps"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert listed
    assert not [name for name in listed if name.endswith((".pem", ".key", ".new"))]
    for name in listed:
        assert "PRIVATE KEY-----\nM" not in (ROOT / name).read_text("utf-8"), name


def test_git_ignores_what_the_steps_write() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("nothing is committed here: this is no repository")
    names = ["mcp_private_key.pem", "mcp_private_key.new", "client_credentials.json"]
    ignored = subprocess.run(
        ["git", "check-ignore", *(f"http-transport-steps/{name}" for name in names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()

    assert len(ignored) == len(names)
