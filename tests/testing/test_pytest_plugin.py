"""The pytest plugin: it loads nothing until a test uses it, and runs a test as each client."""

import subprocess
import sys
from pathlib import Path

import pytest

from doorward.testing import BAD_TOKENS, PERSONAS, BadToken, Persona, persona

PROBE = """
import sys, pytest
before = set(sys.modules)
import doorward.pytest_plugin
print(sorted(set(sys.modules) - before))
"""


def test_without_a_test_that_uses_it_the_plugin_loads_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['doorward', 'doorward.pytest_plugin']"


def test_the_token_mint_loads_no_authorization_server() -> None:
    probe = (
        "import sys; from doorward.testing import TokenMint, BAD_TOKENS;"
        "print([m for m in ('sqlalchemy', 'fastapi', 'doorward.authserver') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_it_is_installed_with_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "def test_as(every_persona): print('as', every_persona)\n"
        "def test_with(every_bad_token): print('with', every_bad_token)\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-sq", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"{len(PERSONAS) + len(BAD_TOKENS)} passed" in done.stdout
    assert all(f"as {one}" in done.stdout for one in PERSONAS)
    assert all(f"with {one}" in done.stdout for one in BAD_TOKENS)


@pytest.mark.parametrize("every_persona", [persona("vscode")], indirect=True)
def test_a_test_can_choose_its_personas(every_persona: Persona) -> None:
    assert str(every_persona) == "vscode"


@pytest.mark.parametrize("every_bad_token", BAD_TOKENS[:1], indirect=True)
def test_a_test_can_choose_its_bad_tokens(every_bad_token: BadToken) -> None:
    assert every_bad_token is BAD_TOKENS[0]
