"""Every ``test_stepN.sh`` can fail: each step is broken in a copy, and its script must notice."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tutorial.places import SOURCES
from tests.tutorial.scripts import run_script

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Break:
    """One line of a step, what it is replaced by, and the check that must not be so any more."""

    step: int
    old: str
    new: str
    notices: str


BREAKS = (
    Break(1, '{"status": "healthy"', '{"status": "ill"', "/health says that the server is healthy"),
    Break(
        1,
        "if not is_this_machine(host):",
        "if False:",
        "the server refuses to listen on every network",
    ),
    Break(2, "host_check.admit(request.headers.raw)", "return", "another host name is refused"),
    Break(
        2,
        'for header in ("MCP-Protocol-Version", "Mcp-Method"):',
        'for header in ("MCP-Protocol-Version",):',
        "a request of 2026-07-28 needs Mcp-Method",
    ),
    Break(3, "required.append(name)", "pass", "echo takes a text, and nothing else"),
    Break(
        3,
        "asked = read_envelope(await request.body(), request.headers.raw)",
        "asked = read_envelope(await request.body(), [])",
        "the server says that it has tools and prompts",
    ),
    Break(
        4,
        "given = judge.validate_python(arguments, strict=True)",
        "given = arguments if judge else {}",
        "an argument of the wrong type is told to the model",
    ),
    Break(
        4, "LARGEST_BODY = 1024 * 1024", "LARGEST_BODY = 1 << 30", "an oversized body is refused"
    ),
    Break(5, '"use": "sig"', '"use": "enc"', "the key says what it is for"),
    Break(
        5,
        "[public_jwk(read_public_key())]",
        "[public_jwk(read_public_key()) | {'d': 'AQ'}]",
        "nothing private is published",
    ),
    Break(6, "issuer=issuer,", "", "a token of another issuer is refused"),
    Break(
        6,
        'if path != "/health" and',
        'if path == "/me" and',
        "without a token, /mcp answers 401",
    ),
    Break(
        6,
        "except jwt.ExpiredSignatureError:",
        "except jwt.ImmatureSignatureError:",
        "an expired token is told that it has expired",
    ),
    Break(
        7,
        "audience=resource,",
        "audience=(resource, 'https://notes.example/mcp'),",
        "a genuine token for another server is refused",
    ),
    Break(
        7,
        '"oauth-protected-resource": about,',
        "",
        "the same at the root",
    ),
    Break(8, "if not scopes <= held:", "if False:", "alice has no scope for prompts"),
    Break(
        8,
        "if roles and roles.isdisjoint(caller.roles):",
        "if False:",
        "alice sees the tools that she may call",
    ),
    Break(
        9,
        'headers[b"cache-control"] = b"private, no-store"',
        "pass",
        "no shared cache may keep it",
    ),
    Break(
        9,
        "return NOTES.get(user.subject,",
        'return NOTES.get("admin",',
        "alice reads her own notes",
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: f"{one.step}-{one.notices[:40]}")
def test_a_script_notices_that_its_step_is_broken(broken: Break, tmp_path: Path) -> None:
    shutil.copytree(SOURCES, tmp_path / "mcp_http", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "mcp_http" / f"step{broken.step}.py"
    text = file.read_text("utf-8")
    assert broken.old in text
    file.write_text(text.replace(broken.old, broken.new), "utf-8")

    done = run_script(broken.step, source=tmp_path)

    assert done.returncode == 1, done.stdout + done.stderr
    complaint = done.stderr.partition("FAILED: ")[2]
    assert complaint.startswith(broken.notices), done.stderr


def test_every_step_is_broken_at_least_once() -> None:
    assert {broken.step for broken in BREAKS} == set(range(1, 10))
