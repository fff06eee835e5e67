"""The official conformance suite against this client: each scenario alone, two at a time."""

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conformance import Outcome, client_scenarios, run_client

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node-clients"), pytest.mark.timeout(600)]

COMMAND = f"{sys.executable} -m tests.e2e.conformance_client"

BOTH = (
    "tools_call",
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
)
REQUIRED = {
    "2025-11-25": (
        *BOTH,
        "initialize",
        "elicitation-sep1034-client-defaults",
        "sse-retry",
    ),
    "2026-07-28": (
        *BOTH,
        "request-metadata",
        "auth/resource-mismatch",
        "auth/offline-access-scope",
        "auth/offline-access-not-supported",
        "auth/authorization-server-migration",
        "auth/iss-supported",
        "auth/iss-not-advertised",
        "auth/iss-supported-missing",
        "auth/iss-wrong-issuer",
        "auth/iss-unexpected",
        "auth/iss-normalized",
        "auth/metadata-issuer-mismatch",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
    ),
}
REPORTED = (
    "auth/client-credentials-jwt",
    "auth/client-credentials-basic",
    "auth/enterprise-managed-authorization",
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/wif-jwt-bearer",
    "json-schema-2020-12-preservation",
)
RUNS = [
    (revision, scenario)
    for revision, required in REQUIRED.items()
    for scenario in (*required, *REPORTED)
]

Outcomes = dict[tuple[str, str], Future[Outcome]]


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Outcomes]:
    """Start what this session wants of the runs; who asks for one waits for it."""
    folder: Path = tmp_path_factory.mktemp("conformance")
    wanted = {
        (item.callspec.params["revision"], item.callspec.params["scenario"])
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.path == Path(__file__)
        and hasattr(item, "callspec")
        and "scenario" in item.callspec.params
    }
    with ThreadPoolExecutor(2) as pool:
        yield {
            run: pool.submit(
                run_client,
                command=COMMAND,
                scenario=run[1],
                spec_version=run[0],
                results=folder / run[0] / run[1].replace("/", "-"),
            )
            for run in RUNS
            if run in wanted
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("revision", "scenario"), RUNS)
def test_the_client_passes_without_a_warning(
    outcomes: Outcomes, revision: str, scenario: str
) -> None:
    outcome = outcomes[revision, scenario].result()

    wrong = [one for one in outcome.verdicts if one.status in ("FAILURE", "WARNING")]
    assert wrong == []
    assert outcome.exit_code == 0
    # A scenario in which nothing was checked is green as well.
    assert outcome.passed()


@pytest.mark.parametrize("revision", REQUIRED)
def test_no_scenario_of_the_suite_is_left_out(revision: str) -> None:
    required, reported = client_scenarios(revision)

    assert required == set(REQUIRED[revision])
    assert reported == set(REPORTED)
