"""Measuring a real Keycloak: open to local clients, and closed as it comes."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from doorward.idp import find
from doorward.idp.facts import Answer
from doorward.idp.probe.discovery import look
from doorward.idp.probe.measured import Measured
from doorward.idp.probe.probe import probe
from doorward.net import Fetcher
from doorward.net.http.url import read_target
from tests.keycloak.running import RunningKeycloak

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]

COMMAND = str(Path(sys.executable).parent / "doorward")


async def measure(issuer: str) -> Measured:
    fetcher = Fetcher(allow_private_hosts=frozenset({read_target(issuer).host_port}), timeout=20)
    return await probe(fetcher, issuer, await look(fetcher, issuer))


def answers(measured: Measured) -> dict[str, str]:
    return {key: str(cell.answer) for key, cell in measured.row.items()}


@pytest.mark.parametrize(
    ("realm", "registration"),
    [
        pytest.param("mcp-realm", "yes", id="opened-for-local-clients"),
        pytest.param("master", "partly", id="closed-as-it-comes"),
    ],
)
async def test_keycloak_is_measured_and_nothing_is_left_behind(
    running_keycloak: RunningKeycloak, realm: str, registration: str
) -> None:
    before = running_keycloak.client_ids(realm)
    measured = await measure(f"{running_keycloak.url}/realms/{realm}")

    assert answers(measured) == {
        "pkce": "yes", "rfc8414": "yes", "rfc7591": registration, "rfc8707": "unknown", "oidc": "yes",
        "cimd": "no", "rfc9207": "yes", "dpop": "yes", "jwt": "unknown", "introspection": "yes",
        "revocation": "yes",
    }  # fmt: skip
    assert measured.left_behind == ()
    assert measured.differences == ()
    assert running_keycloak.client_ids(realm) == before


async def test_what_is_known_of_keycloak_is_what_is_measured(
    running_keycloak: RunningKeycloak,
) -> None:
    measured = await measure(running_keycloak.issuer)
    known = find("keycloak").matrix
    assert known is not None

    for column, cell in measured.row.items():
        fact = getattr(known, column)
        if cell.answer is Answer.UNKNOWN:
            continue
        # What is behind a switch is not there in a Keycloak that is started without it.
        expected = Answer.NO if fact.value is Answer.EXPERIMENTAL else fact.value
        assert cell.answer is expected, column
        assert fact.seen >= date(2026, 11, 21), column


async def test_every_known_form_of_its_metadata_answers(running_keycloak: RunningKeycloak) -> None:
    host = running_keycloak.url.removeprefix("http://")
    for form in find("keycloak").discovery.value:
        url = form.format(host=host, realm="mcp-realm").replace("https://", "http://")
        answer = running_keycloak.http.get(url)
        assert answer.json()["issuer"] == running_keycloak.issuer, url
    inserted = f"{running_keycloak.url}/.well-known/openid-configuration/realms/mcp-realm"
    assert running_keycloak.http.get(inserted).status_code == 404


def test_the_command_prints_the_row_as_a_document(running_keycloak: RunningKeycloak) -> None:
    ended = subprocess.run(
        [
            COMMAND, "idp", "probe", running_keycloak.issuer,
            "--idp", "keycloak", "--try-registration", "--json",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    document = json.loads(ended.stdout)
    assert document["row"]["rfc7591"]["answer"] == "yes"
    assert document["left_behind"] == []
