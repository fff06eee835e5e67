"""The benchmark of token endpoints runs, and would notice a wrong answer."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.issuers.arena import ISSUERS, OURS, OURS_ON_POSTGRESQL, started
from benchmarks.issuers.exchanges import Codes
from benchmarks.issuers.load import Tally
from benchmarks.issuers.rounds import Costs
from benchmarks.issuers.section import HEADING, section
from benchmarks.page import PAGE, replace_section

ROOT = Path(__file__).parent.parent.parent
KINDS = ("code", "refresh", "introspection", "revocation", "key set", "metadata", "sign-in")


@pytest.mark.e2e
def test_a_quick_run_asks_every_server_and_writes_no_page() -> None:
    before = PAGE.read_bytes()

    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.issuers", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    assert f"| {ISSUERS[0].label} |" in run.stdout
    assert f"| {ISSUERS[-1].label} |" in run.stdout
    assert PAGE.read_bytes() == before


@pytest.mark.e2e
def test_a_code_that_was_redeemed_before_is_a_wrong_answer() -> None:
    with started(ISSUERS[0], 1) as running:
        client, codes = running.seed.client_id, list(running.seed.redeemable())
        running.turn([Codes(client, iter(codes))])

        with pytest.raises(RuntimeError, match="1 wrong answers"):
            running.turn([Codes(client, iter(codes))])


def test_the_section_has_the_quickest_round_without_the_first() -> None:
    costs = Costs()
    for cpu in (0.001, 0.004, 0.003):
        costs.add(Tally(10, 0, 1.0, [0.002] * 10), cpu, 1)

    results = {(name, kind): costs for name in (OURS, OURS_ON_POSTGRESQL) for kind in KINDS}
    text = section(ISSUERS[:2], results, day="2026-11-30", load=0.5)

    assert f"| {ISSUERS[1].label} | yes | 300 | 300 | 2, 2 |" in text
    assert "| code | 300 | 3,333 | 2 | 650 |" in text
    assert f"| {ISSUERS[0].label} | yes | 300 | 300 | 2, 2 |" in text
    assert "| sign-in | 300 | 3,333 | 2 | 4000 |" in text


def test_a_turn_shorter_than_a_tick_of_the_clock_has_no_rate() -> None:
    costs = Costs()
    costs.add(Tally(10, 0, 1.0, [0.002] * 10), 0.0, 1)

    text = section(ISSUERS[:1], {(OURS, kind): costs for kind in KINDS}, day="2026-11-30", load=0.5)

    assert "| sign-in | 0 | not measured | 2 | 4000 |" in text


def test_the_section_takes_the_place_of_the_one_before() -> None:
    page = f"# Benchmarks\n\n{HEADING}\n\nold\n\n## Last\n\nkept\n"

    replaced = replace_section(page, f"{HEADING}\n\nnew")
    assert replaced == f"# Benchmarks\n\n{HEADING}\n\nnew\n\n## Last\n\nkept\n"
    assert (
        replace_section("# Benchmarks\n", f"{HEADING}\n\nnew")
        == f"# Benchmarks\n\n{HEADING}\n\nnew\n"
    )
