"""A real Ory Hydra: probed, compared with its facts, and trusted by a guard."""

from collections.abc import Iterator

import pytest

from doorward.errors import TokenRejected, WrongAudience
from doorward.idp import find
from doorward.idp.facts import Answer
from doorward.idp.probe.discovery import look
from doorward.idp.probe.measured import Measured
from doorward.idp.probe.probe import probe
from doorward.net import Fetcher
from doorward.net.http.url import read_target
from doorward.tokens import TrustedIssuer, Verifier
from tests.idp import running_hydra
from tests.idp.running_hydra import RunningHydra

# The first one builds it.
pytestmark = [pytest.mark.e2e, pytest.mark.needs("hydra"), pytest.mark.timeout(1700)]

RESOURCE = "http://localhost:9000/mcp"
SECRET = "a-secret-of-this-test"


async def measure(issuer: str) -> Measured:
    fetcher = Fetcher(allow_private_hosts=frozenset({read_target(issuer).host_port}), timeout=20)
    return await probe(fetcher, issuer, await look(fetcher, issuer))


@pytest.fixture(scope="module", params=[True, False], ids=["registration-on", "as-it-comes"])
def hydra(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningHydra, bool]]:
    """Run Hydra, with registration and without."""
    folder = tmp_path_factory.mktemp("hydra")
    with running_hydra.running(folder, registration=request.param) as running:
        yield running, request.param


async def test_hydra_is_measured_and_nothing_is_left_behind(
    hydra: tuple[RunningHydra, bool],
) -> None:
    running, registration = hydra
    before = running.client_ids()
    measured = await measure(running.issuer)

    assert {key: str(cell.answer) for key, cell in measured.row.items()} == {
        "pkce": "yes", "rfc8414": "no", "rfc7591": "yes" if registration else "no",
        "rfc8707": "unknown", "oidc": "yes", "cimd": "no", "rfc9207": "no", "dpop": "no",
        "jwt": "unknown", "introspection": "no", "revocation": "yes",
    }  # fmt: skip
    assert measured.left_behind == ()
    assert running.client_ids() == before


async def test_what_is_known_of_hydra_is_what_is_measured(
    hydra: tuple[RunningHydra, bool],
) -> None:
    running, registration = hydra
    measured = await measure(running.issuer)
    known = find("hydra").matrix
    assert known is not None

    for column, cell in measured.row.items():
        fact = getattr(known, column)
        if cell.answer is Answer.UNKNOWN:
            continue
        if column == "rfc8414":
            # Newer than this version, and the preset says so.
            assert "2.3.0" in fact.note
            continue
        switched = Answer.YES if registration else Answer.NO
        # Registration is behind a switch; introspection is there, and not for the public.
        expected = {Answer.OPT_IN: switched, Answer.PARTLY: Answer.NO}.get(fact.value, fact.value)
        assert cell.answer is expected, column


@pytest.mark.parametrize(
    ("asked", "accepted"),
    [
        pytest.param({"audience": RESOURCE}, True, id="audience"),
        pytest.param({"resource": RESOURCE}, False, id="resource-is-not-read"),
        pytest.param({}, False, id="neither"),
    ],
)
async def test_its_tokens_are_read_by_the_preset(
    hydra: tuple[RunningHydra, bool], asked: dict[str, str], accepted: bool
) -> None:
    running, _ = hydra
    if "service" not in running.client_ids():
        running.make_client(
            client_id="service", client_secret=SECRET, grant_types=["client_credentials"],
            scope="mcp:read mcp:tools", audience=[RESOURCE],
            token_endpoint_auth_method="client_secret_post",
        )  # fmt: skip
    token = running.token(
        grant_type="client_credentials", client_id="service", client_secret=SECRET,
        scope="mcp:read", **asked,
    )  # fmt: skip
    preset = find("hydra")
    assert preset.profile is not None
    judge = Verifier(
        [TrustedIssuer(issuer=running.issuer, audience=RESOURCE, profile=preset.profile)]
    )

    if accepted:
        identity = await judge.verify(token.encode())
        assert identity.client_id == "service"
        assert identity.scopes == {"mcp:read"}
        return
    with pytest.raises(TokenRejected) as refusal:
        await judge.verify(token.encode())
    assert isinstance(refusal.value, WrongAudience)


def test_a_hydra_is_looked_for_where_go_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_hydra, "OLDEST_GO", (99, 0))
    monkeypatch.setattr(running_hydra, "_binary", lambda: running_hydra.MODULE / "nowhere")
    assert running_hydra.found() is None
