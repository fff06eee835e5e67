"""
The pytest plugin: ``every_persona`` and ``every_bad_token`` run a test once for each of them.

It is installed with Doorward, and loads nothing of it until a test uses one of these fixtures.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from doorward.testing import BadToken, Persona


@pytest.fixture
def every_persona(request: pytest.FixtureRequest) -> "Persona":
    """Run the test as each MCP client: ``every_persona`` is its ``Persona``."""
    found: Persona = request.param
    return found


@pytest.fixture
def every_bad_token(request: pytest.FixtureRequest) -> "BadToken":
    """Run the test with each bad token: ``every_bad_token`` is its ``BadToken``."""
    found: BadToken = request.param
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the tests that use a fixture of this plugin."""
    for name, listed in (("every_persona", "PERSONAS"), ("every_bad_token", "BAD_TOKENS")):
        if name in metafunc.fixturenames and not _is_chosen(metafunc, name):
            from doorward import testing

            values: tuple[Any, ...] = getattr(testing, listed)
            metafunc.parametrize(name, values, ids=str, indirect=True)


def _is_chosen(metafunc: pytest.Metafunc, name: str) -> bool:
    """Return whether the test names its own values for ``name``."""
    marks = metafunc.definition.iter_markers("parametrize")
    return any(name in str(mark.args[0]).replace(" ", "").split(",") for mark in marks)
