"""The quickstart's first ``main.py`` runs with one import changed, and gains what it lacked."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.quickstart.asgardeo import SUBJECTS, Asgardeo
from tests.quickstart.calling import call, result, serving
from tests.quickstart.conftest import seed_main, set_env

Folder = Callable[[str], ModuleType]
OLD, NEW = "from mcp.server.fastmcp import FastMCP", "from protected import FastMCP"


@pytest.fixture
def seed(folder: Folder, asgardeo: Asgardeo, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the changed file defines, run as it is."""
    set_env(monkeypatch, asgardeo)
    text = seed_main()
    assert text.count(OLD) == 1
    names: dict[str, Any] = {"__name__": "seed"}
    # The SDK warns of what the guard does in its place: the audience is checked.
    with pytest.warns(match="validate_token_resource"):
        exec(compile(text.replace(OLD, NEW), "main.py", "exec"), names)
    return names


async def test_it_adds_for_whoever_signed_in(seed: dict[str, Any], asgardeo: Asgardeo) -> None:
    async with serving(seed["mcp"].streamable_http_app()) as client:
        answer = await call(client, asgardeo.mint(), "add", a=2, b=3)

    assert result(answer) == {"a": 2.0, "b": 3.0, "result": 5.0}


async def test_without_a_token_it_says_where_to_sign_in_and_names_no_error(
    seed: dict[str, Any],
) -> None:
    async with serving(seed["mcp"].streamable_http_app()) as client:
        answer = await call(client, None, "add", a=2, b=3)

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert "error" not in challenge
    assert "http://localhost:8000/.well-known/oauth-protected-resource/mcp" in challenge


async def test_a_new_key_is_fetched_when_a_token_names_it(
    seed: dict[str, Any], asgardeo: Asgardeo
) -> None:
    async with serving(seed["mcp"].streamable_http_app()) as client:
        assert (await call(client, asgardeo.mint(), "add", a=1, b=1)).status_code == 200
        asgardeo.rotate()
        assert (await call(client, asgardeo.mint(), "add", a=1, b=1)).status_code == 200

    assert asgardeo.key_fetches == 2


async def test_what_its_own_verifier_refuses_stays_refused(
    seed: dict[str, Any], asgardeo: Asgardeo
) -> None:
    async def refuse(_token: str) -> None:
        return None

    app = seed["mcp"].streamable_http_app()
    seed["mcp"]._guarding[0].verify_token = refuse
    async with serving(app) as client:
        answer = await call(client, asgardeo.mint(), "add", a=2, b=3)

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_no_token_is_in_what_it_logs(
    seed: dict[str, Any],
    asgardeo: Asgardeo,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    good, bad = asgardeo.mint(), asgardeo.mint(exp=1)
    with caplog.at_level("DEBUG"):
        async with serving(seed["mcp"].streamable_http_app()) as client:
            await call(client, good, "add", a=2, b=3)
            await call(client, bad, "add", a=2, b=3)

    said = caplog.text + "".join(capfd.readouterr())
    assert SUBJECTS["jane"] in said
    for token in (good, bad):
        assert not any(part in said for part in token.split("."))
