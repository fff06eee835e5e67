"""The benchmarks run and would notice a wrong answer; what they measure is not judged here."""

import subprocess
import sys
from pathlib import Path

import httpx2
import jwt
import pytest
from benchmarks import client_requests, page, parts, quick_paths, rounds, verification
from benchmarks.answers import WrongAnswer, check_answers, check_refusals
from benchmarks.arena import Generator, key_server, servers
from benchmarks.calls import call_add
from benchmarks.client_requests import FIXED, NONE, OURS, SDK, Added
from benchmarks.crowd import CROWDS, LOOPS, Crowd
from benchmarks.mint import ALGORITHMS, Mint
from benchmarks.parts import Many, Parts
from benchmarks.quick_paths import QuickPath
from benchmarks.rounds import Result
from benchmarks.servers import BY_NAME, CONTENDERS
from benchmarks.verification import ROWS, Cost
from cryptography.exceptions import InvalidSignature
from joserfc.errors import BadSignatureError

from doorward.errors import BadSignature

REFUSALS = (InvalidSignature, BadSignature, jwt.InvalidSignatureError, BadSignatureError)
ROOT = Path(__file__).parent.parent.parent
COMPARED = ("doorward-new", "sdk-doorward", "quickstart", "fastmcp")


@pytest.mark.e2e
def test_a_quick_run_measures_every_kind_of_server_and_writes_no_page() -> None:
    before = page.PAGE.read_bytes() if page.PAGE.exists() else None

    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", *COMPARED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    for name in ("floor", *COMPARED):
        assert f"| {BY_NAME[name].label} |" in run.stdout
    assert f"| {OURS} |" in run.stdout
    assert (page.PAGE.read_bytes() if page.PAGE.exists() else None) == before


@pytest.mark.e2e
def test_a_server_that_answers_wrongly_or_refuses_nobody_is_found_out() -> None:
    mint = Mint()
    with (
        key_server(mint.key_set()) as keys_url,
        servers([BY_NAME["floor"]], keys_url) as (floor,),
    ):
        check_answers(floor, [call_add(0, None)])
        with pytest.raises(WrongAnswer, match="floor"):
            check_answers(floor, [call_add(7, None)])
        with pytest.raises(WrongAnswer, match="no token gets 200"):
            check_refusals(floor, mint)

        generator = Generator({"same": [call_add(7, None)]})
        try:
            turn = generator.turn(floor, 0.1, connections=2)
        finally:
            generator.close()

    assert turn.tally.wrong == turn.tally.answered > 0


def test_each_way_to_verify_is_timed_for_each_algorithm() -> None:
    mint = Mint()
    with key_server(mint.key_set()) as keys_url:
        costs = verification.measure(mint, keys_url, rounds=1, slice_seconds=0)

    assert {(cost.row, cost.algorithm) for cost in costs} == {
        (row, algorithm) for row in ROWS for algorithm in ALGORITHMS
    }


def test_each_way_to_verify_refuses_an_altered_signature() -> None:
    mint = Mint()
    altered = dict(mint.bad_tokens())["altered signature"]
    with key_server(mint.key_set()) as keys_url:
        ways = verification.ways_to_verify(mint, "RS256", keys_url, altered)

    for verify in ways.values():
        with pytest.raises(REFUSALS):
            verify(1)


def test_the_page_gives_ratios_to_the_floor_and_to_the_peers() -> None:
    costs = [
        Cost(row, algorithm, seconds * 1e-6)
        for algorithm in ALGORITHMS
        for row, seconds in zip(ROWS, (20, 30, 1, 60, 50), strict=True)
    ]
    cpu = dict.fromkeys(BY_NAME, 14) | {"floor": 1, "floor-bare": 0.9, "doorward": 2}
    cpu |= {"doorward-new": 4, "quickstart": 34, "fastmcp": 68, "sdk-pyjwt": 32, "sdk-doorward": 16}
    results = [
        Result(one, 1e4, 9e3, 1.1e4, cpu[one.name] * 24e-6, 0.001, 0.002, 0.5, 40_000_000, 0.2)
        for one in CONTENDERS
    ]

    alone = {"floor": 2, "guard": 22, "silent": 19, "call": 32, "transport": 11}
    alone |= {"recall": 2, "envelope": 4, "decide": 1, "new": 80}
    taken = {name: one * 1e-6 for name, one in alone.items()}
    many = Many(tokens=10_000, bytes_each=480, left=10_000, recall=2e-6)
    found = Parts(taken, {1: 30e-6, 1000: 31e-6}, many)
    loops = [
        Crowd(name, loop, number, 9e3, 0.01, 0.05, gathering=0.2, unmet=3)
        for name in ("floor-bare", "doorward")
        for loop in LOOPS
        for number in CROWDS
    ]

    quick = [QuickPath("`parse`: msgspec reads it", 2e-6, 9.5e-6)]
    asked = {NONE: 100, FIXED: 103, OURS: 107, SDK: 150}
    client = [Added(row, micros * 1e-6) for row, micros in asked.items()]

    text = page.build(
        costs, results, found, quick, loops, client, day="2026-11-22", load=0.5, method="So."
    )

    assert "| **doorward**, known token | 2.00 | 17.00 | 34.00 | 48 | ≥ 10,000 " in text
    assert "| PyJWT, parsed key | 60.0 (3.00) |" in text
    assert "generator was at its own limit" in text
    assert "| **all of it** | 30.0 | 100% |" in text
    assert "| guard: one audit event and its line | 3.0 | 10% |" in text
    assert "guard, known token: 2.00 times the throughput of the official SDK" in text
    assert "takes 50 µs more. The RS256 check is 20 of them" in text
    assert "| **doorward**, known token | asyncio | 9,000, 10.0 / 50 (29 in 0.2 s) |" in text
    assert "| 9,000, 10.0 / 50 (997 in 0.2 s) |" in text
    assert "10,000 of them 4.8 MB" in text
    assert "| `parse`: msgspec reads it | 2.0 | 9.5 | 7.5 |" in text
    assert "| **doorward**, `OAuth` | 107.0 | 7.0 |" in text


@pytest.mark.e2e
def test_a_call_is_taken_apart_and_bounded_memory_forgets_the_oldest() -> None:
    mint = Mint()
    with key_server(mint.key_set()) as keys_url:
        found = parts.measure(mint, keys_url, rounds=1, tokens=60)

    assert set(found.costs) >= {"floor", "guard", "silent", "call", "transport", "recall"}
    assert set(found.by_tools) == set(parts.TOOLS)
    assert found.many.left == 60


def test_each_quick_path_is_timed_beside_its_reference() -> None:
    found = quick_paths.measure(Mint(), rounds=1)

    assert len({one.name for one in found}) == len(found) == 10
    assert all(one.quick > 0 and one.plain > 0 for one in found)


def test_what_a_client_adds_is_measured_of_requests_that_carry_the_token() -> None:
    found = client_requests.measure(rounds=1, count=3)

    assert [one.row for one in found] == list(client_requests.ROWS)
    assert all(one.seconds > 0 for one in found)


def test_a_client_that_leaves_the_token_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_requests, "Fixed", httpx2.Auth)

    with pytest.raises(RuntimeError, match="0 of 3"):
        client_requests.measure(rounds=1, count=3)


def test_each_token_of_a_set_is_another_and_all_sums_differ() -> None:
    calls = rounds.prepare_calls(Mint(), 3)["new"]

    assert len({call.request for call in calls}) == 3
    assert len({call.expected for call in calls}) == 3
