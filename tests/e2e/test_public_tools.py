"""Stock clients at servers with a public tool: they sign in when they need to, and not before."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.drivers import PYTHON_SDK, TYPESCRIPT, Driver, run
from tests.e2e.journey import Errand
from tests.e2e.public_shop import KINDS, ORDERS, PASSWORD, USER, behind_gateway, shop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("kind", [*KINDS, "gateway"])
@pytest.mark.parametrize(
    "driver",
    [
        pytest.param(PYTHON_SDK, id="python-sdk"),
        pytest.param(TYPESCRIPT, id="typescript-sdk", marks=pytest.mark.needs("node-clients")),
    ],
)
def test_a_client_uses_what_is_public_and_signs_in_for_what_is_not(
    tmp_path: Path, driver: Driver, kind: str, mode: str
) -> None:
    with ExitStack() as stack:
        protect = KINDS.get(kind) or stack.enter_context(behind_gateway())
        served = stack.enter_context(shop(protect, tmp_path))
        record = run(
            driver,
            Errand(
                server=served.url, username=USER, password=PASSWORD, mode=mode, admin_tool="orders"
            ),
        )

    # It lists and calls without a token, and is asked to sign in by the call that needs it.
    assert record.tools == ["add"]
    assert record.total == 5
    assert record.exchanges[0]["status"] == 200
    reasons = [one.reason for one in served.events if one.name == "orders"]
    assert reasons[0] == "missing-token"
    assert reasons[-1] == "allowed"
    challenged = next(one for one in record.exchanges if one["status"] == 401)
    assert 'scope="shop:orders shop:read"' in challenged["challenge"]
    # One sign-in is enough, also in a session that was opened without a token.
    assert record.pages == [["sign-in", "consent"]]
    assert record.admin_tool_answer == ORDERS, record.admin_tool_error
    # Its token was not good any more: that is never "no token", even for a public tool.
    assert record.grants[-1] == "refresh_token"
    assert record.total_after_refresh == 42
