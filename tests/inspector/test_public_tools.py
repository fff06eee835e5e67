"""The stock Inspector lists and calls what is public, and nobody has to sign in for it."""

from pathlib import Path

import pytest

from tests.e2e.public_shop import KINDS, shop
from tests.inspector.session import Session

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
]


def test_a_person_uses_a_public_tool_without_signing_in(tmp_path: Path, person: Session) -> None:
    with shop(KINDS["sdk"], tmp_path) as served:
        person.page.goto(person.inspector.deep_link(served.url))
        person.wait_until_connected()

        assert person.tools() == ["add"]
        assert "42" in person.call("add", a="2", b="40")

    assert person.visited == []
    # 405 for the stream that it tries to open, which is for nobody without a token.
    assert {one.reason for one in served.events} == {"allowed", "method-refused"}
