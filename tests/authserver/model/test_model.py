"""Every answer of two replicas, under faults at any await, is one that the reference allows."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.authserver.model.machine import TokenMachine, on_postgresql
from tests.authserver.model.planted_faults import PLANTED, Plant
from tests.postgresql.cluster import Cluster

_AT_ANY_SPEED = settings(
    deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=40
)
# The same requests on every machine: what lands must not depend on luck. The long run draws new ones.
_THE_SAME = settings(_AT_ANY_SPEED, derandomize=True, database=None)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_of_two_replicas_is_one_that_the_reference_allows() -> None:
    search = settings(_THE_SAME, max_examples=20)
    run_state_machine_as_test(TokenMachine, settings=search)


@pytest.mark.postgresql
@pytest.mark.needs("postgresql")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_of_two_replicas_on_postgresql_is_one_too(postgresql_cluster: Cluster) -> None:
    search = settings(_THE_SAME, max_examples=5)
    run_state_machine_as_test(on_postgresql(postgresql_cluster), settings=search)


@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.needs("postgresql")
@pytest.mark.timeout(3600)
def test_every_answer_of_a_long_run_on_postgresql_is_one_too(postgresql_cluster: Cluster) -> None:
    search = settings(_AT_ANY_SPEED, max_examples=200)
    run_state_machine_as_test(on_postgresql(postgresql_cluster), settings=search)


@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_the_model_finds_a_planted_fault(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    search = settings(_THE_SAME, max_examples=400, phases=[Phase.generate])

    with pytest.raises(AssertionError):
        run_state_machine_as_test(TokenMachine, settings=search)
