"""How an attempt ended, in one word and one sentence."""

import pytest

from doorward.operations.story.ending import Ending, ending
from doorward.operations.story.hop import Step
from tests.operations.story.hops import NOW, attempt, hop

LATER = NOW + 3000


def test_a_token_that_never_came_back_stopped_before_this_process() -> None:
    found = ending(attempt("challenge", "authorization", "consent", "token"), LATER)

    assert found == Ending(
        "stopped", "Token issued, /mcp never called again: stopped before this process.", "/mcp"
    )


def test_a_code_that_never_came_back_stopped_before_this_process() -> None:
    found = ending(attempt("challenge", "authorization", "consent"), LATER)

    assert found == Ending(
        "stopped", "Code issued, /token never called: stopped before this process.", "/token"
    )


def test_a_token_that_was_used_connected() -> None:
    found = ending(attempt("challenge", "consent", "token", "call"), LATER)

    assert (found.state, found.awaited) == ("connected", "")


@pytest.mark.parametrize(
    ("last", "seconds", "state"),
    [
        ("token", 59, "waiting"),
        ("token", 61, "stopped"),
        ("authorization", 61, "waiting"),
        ("authorization", 601, "stopped"),
    ],
)
def test_people_get_more_time_than_programs(last: Step, seconds: float, state: str) -> None:
    found = ending(attempt("challenge", last), NOW + seconds)

    assert found.state == state


def test_a_refusal_is_named_with_its_reason() -> None:
    refused = hop("token", status=400, reason="invalid-grant", answered=())
    found = ending(attempt("consent", refused), LATER)

    assert found == Ending("refused", "POST /token was refused: invalid-grant.")


def test_a_person_who_went_away_is_no_fault_of_a_proxy() -> None:
    found = ending(attempt("challenge", "authorization"), LATER)

    assert (found.state, found.awaited) == ("stopped", "")
