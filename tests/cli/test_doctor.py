"""``doorward doctor``: its forms of output, its exit statuses, and a real sign-in at a real server."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorward.cli.doctor import doctor as verb
from doorward.cli.doctor.doctor import EXIT_BY_BLAME
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.findings.finding import Blame
from doorward.doctor.probe.network import Network
from doorward.doctor.report.explanation import explain, explanation_text
from tests.cli.conftest import Command, Running
from tests.cli.scripted_user import ScriptedUser
from tests.doctor.broken import discovery, reaching
from tests.doctor.healthy import plain
from tests.doctor.world import SimulatedTransport, World

URL = "https://mcp.example/mcp"


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    """Let the command see a simulated internet."""

    def put(world: World) -> None:
        network = Network(world.resolve, lambda policy: SimulatedTransport(world, policy))
        monkeypatch.setattr(verb, "Network", lambda: network)

    return put


def test_a_healthy_server_ends_with_status_0(
    doorward: Command, internet: Callable[[World], None]
) -> None:
    internet(plain())
    ended = doorward("doctor", URL)
    assert ended.status == 0
    assert "Nothing found." in ended.out


@pytest.mark.parametrize(
    ("build", "blame"),
    [
        (reaching.an_application_answers_403, Blame.SERVER),
        (reaching.a_bot_rule_stops_every_request, Blame.PROXY),
        (discovery.the_issuer_is_down, Blame.ISSUER),
        (reaching.the_url_lacks_the_path, Blame.CONFIGURATION),
        (reaching.nobody_listens, Blame.UNSURE),
    ],
)
def test_the_exit_status_says_who_must_act(
    doorward: Command,
    internet: Callable[[World], None],
    build: Callable[[], World],
    blame: Blame,
) -> None:
    world = build()
    internet(world)
    ended = doorward("doctor", world.mcp, "--json")
    assert ended.status == EXIT_BY_BLAME[blame]
    assert ended.document["blame"] == blame


def test_no_line_of_the_report_is_wider_than_a_terminal(
    doorward: Command, internet: Callable[[World], None]
) -> None:
    for broken in (*reaching.SET.broken, *discovery.SET.broken):
        world = broken.build()
        internet(world)
        for line in doorward("doctor", world.mcp).out.splitlines():
            # A URL stays whole, so that it can be copied.
            assert len(line) < 80 or "://" in line


def test_the_junit_file_has_one_test_per_rung(
    doorward: Command, internet: Callable[[World], None], tmp_path: Path
) -> None:
    internet(discovery.the_metadata_crashes())
    file = tmp_path / "doctor.xml"
    doorward("doctor", URL, "--junit", str(file))
    suite = ET.parse(file).getroot()
    failed = [one for one in suite if one.find("failure") is not None]
    assert [one.get("name") for one in failed] == ["Resource metadata"]
    assert int(suite.get("tests", "0")) == len(suite)


def test_json_has_the_ladder_and_the_finding(
    doorward: Command, internet: Callable[[World], None]
) -> None:
    internet(discovery.the_metadata_crashes())
    document: Any = doorward("doctor", URL, "--json", "--saw", "it failed").document
    assert document["first_failure"] == "resource-metadata"
    assert [one["code"] for one in document["findings"]] == ["metadata-fails"]
    assert document["saw"] == ["it failed"]


def test_an_unknown_client_is_a_usage_error(doorward: Command) -> None:
    ended = doorward("doctor", URL, "--as", "netscape", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "unknown-persona")


def test_plain_http_is_for_this_machine_only(doorward: Command) -> None:
    ended = doorward("doctor", "http://mcp.example/mcp", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "insecure-server-url")


def test_a_client_secret_needs_its_issuer(doorward: Command, tmp_path: Path) -> None:
    ended = doorward("doctor", URL, "--client-id", "a", "--client-secret-file", "secret", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "no-issuer")


def test_a_token_file_that_others_can_read_is_refused(doorward: Command, tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text("a-token\n")
    file.chmod(0o644)
    ended = doorward("doctor", URL, "--token-file", str(file), "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "exposed-credential")


def test_two_ways_to_a_token_are_refused(doorward: Command) -> None:
    ended = doorward("doctor", URL, "--paste", "--device", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "two-ways")


@pytest.mark.parametrize("way", ["--sign-in", "--paste", "--device", "--patient"])
def test_a_sign_in_says_that_it_registers_a_client_before_it_does(
    doorward: Command, way: str
) -> None:
    ended = doorward("doctor", "http://localhost:1/mcp", way, "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "would-register")


def test_a_sign_in_with_a_client_of_ones_own_registers_none(doorward: Command) -> None:
    ended = doorward("doctor", "http://localhost:1/mcp", "--sign-in", "--client-id", "a", "--json")
    assert [one["code"] for one in ended.document["findings"]] == ["connection-refused"]


def test_a_sign_in_at_a_real_server_finds_nothing(
    doorward: Command, demo: Running, as_user: Callable[..., ScriptedUser]
) -> None:
    as_user("alice")
    document = doorward("doctor", demo.mcp, "--sign-in", "--register", "--json").document
    rungs = {one["name"]: one["status"] for one in document["ladder"]}
    assert document["findings"] == []
    assert rungs["refresh"] == "passed"


def test_explain_prints_what_the_reference_says_of_a_finding(doorward: Command) -> None:
    ended = doorward("doctor", "--explain", "path-rule")
    assert ended.status == 0
    for line in (
        "code      path-rule (stops every client)",
        "who acts  the proxy in front of the server",
        "shown as  Authorization with the MCP server failed",
        "page      docs/findings/endpoint.md#path-rule",
    ):
        assert f"   {line}\n" in ended.out


def test_explain_without_a_code_lists_every_finding(doorward: Command) -> None:
    listed = doorward("doctor", "--explain").out.splitlines()
    document = doorward("doctor", "--explain", "--json").document
    assert {one.code for one in FINDINGS.values()} <= {line.strip() for line in listed}
    assert [one["code"] for one in document["findings"]] == list(FINDINGS)


def test_no_explanation_is_wider_than_a_terminal() -> None:
    for code in FINDINGS:
        for line in explanation_text(explain(FINDINGS[code])).splitlines():
            # A URL stays whole, so that it can be copied.
            assert len(line) < 80 or "://" in line


def test_a_code_that_no_finding_has_is_a_usage_error(doorward: Command) -> None:
    ended = doorward("doctor", "--explain", "all-is-lost", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "unknown-finding")


def test_without_explain_a_url_is_needed(doorward: Command) -> None:
    ended = doorward("doctor", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (2, "no-server-url")


def test_the_report_names_the_page_of_a_finding(
    doorward: Command, internet: Callable[[World], None]
) -> None:
    internet(discovery.the_metadata_crashes())
    told = doorward("doctor", URL).out
    assert "   page      docs/findings/resource-metadata.md#metadata-fails\n" in told
    assert "doorward doctor --explain CODE" in told
