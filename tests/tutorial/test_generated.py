"""What the pages show is what the steps do: diffs, transcripts and the matrix are not typed."""

import json

import pytest

from tests.tutorial.attacks import ATTACKS, EVERY, STEPS
from tests.tutorial.diffs import diff
from tests.tutorial.matrix import matrix, matrix_markdown
from tests.tutorial.places import SOURCES
from tests.tutorial.transcripts import transcript
from tests.tutorial.write import stale


async def test_the_committed_files_are_what_the_steps_give_now() -> None:
    assert await stale() == [], "run: python -m tests.tutorial.write"


@pytest.mark.parametrize("step", STEPS)
async def test_a_transcript_is_the_same_each_time_and_has_no_token_in_it(step: int) -> None:
    first, second = await transcript(step), await transcript(step)

    assert first == second
    assert "eyJhbGciOi" not in json.dumps(first)


@pytest.mark.parametrize("step", STEPS[1:])
async def test_a_transcript_has_an_honest_session_and_a_refusal(step: int) -> None:
    statuses = [one["status"] for one in await transcript(step)]

    assert 200 in statuses
    # Step 5 publishes a key and refuses nobody yet: its page says so.
    assert any(400 <= status < 500 for status in statuses) is (step != 5)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_fits_on_its_page(step: int) -> None:
    lines = (SOURCES / f"step{step}.py").read_text("utf-8").splitlines()

    assert len(lines) <= (135 if step < 10 else 160)
    assert max(len(line) for line in lines) <= 101


def test_a_diff_names_both_steps_and_what_graduated() -> None:
    assert diff(3).startswith("--- step2.py\n+++ step3.py\n")
    assert "+from doorward.wire.jsonrpc.envelope import read_envelope\n" in diff(3)


def test_the_matrix_has_a_row_for_each_attack_and_a_column_for_each_step() -> None:
    table = matrix_markdown().splitlines()

    assert len(table) == len(ATTACKS) + 2
    assert all(line.count("|") == len(EVERY) + 3 for line in table)
    assert [row["name"] for row in matrix()] == [attack.name for attack in ATTACKS]
