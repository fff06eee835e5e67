"""Every attack against every step: it succeeds until the step that closes it, and never again."""

from pathlib import Path

import pytest

from tests.tutorial.attacks import ATTACKS, EVERY, STEPS, Attack
from tests.tutorial.in_process import LEGACY, MODERN, caller_of, module

CASES = [
    pytest.param(attack, step, id=f"{attack.name}-{step}")
    for attack in ATTACKS
    for step in EVERY
    if attack.succeeds_at(step) is not None
]


@pytest.mark.parametrize(("attack", "step"), CASES)
async def test_an_attack_succeeds_until_the_step_that_closes_it(
    attack: Attack, step: int, tmp_path: Path
) -> None:
    async with caller_of(step, tmp_path) as caller:
        succeeded = await attack.run(caller)

    assert succeeded is attack.succeeds_at(step)


@pytest.mark.parametrize("step", STEPS)
async def test_an_honest_caller_is_served_at_every_step(step: int, tmp_path: Path) -> None:
    async with caller_of(step, tmp_path) as caller:
        alice = caller.token() if step >= 5 else None
        health = await caller.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "healthy"
        if step < 2:
            return
        greeting = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "a"}}
        begun = await caller.ask("initialize", greeting, token=alice, version=LEGACY)
        assert begun.json()["result"]["protocolVersion"] == LEGACY
        found = await caller.ask("server/discover", token=alice)
        assert found.json()["result"]["supportedVersions"] == [MODERN]
        if step < 3:
            return
        for version in (MODERN, LEGACY):
            tools = await caller.ask("tools/list", token=alice, version=version)
            assert [one["name"] for one in tools.json()["result"]["tools"]][:2] == [
                "echo",
                "get_time",
            ]
            prompts = await caller.ask("prompts/list", token=alice, version=version)
            names = [one["name"] for one in prompts.json()["result"]["prompts"]]
            assert names == ["greeting", "help"]
        if step < 4:
            return
        said = await caller.call("echo", {"message": "hello"}, token=alice)
        assert said.json()["result"]["structuredContent"] == {"result": "hello"}
        asked = {"name": "greeting", "arguments": {"name": "Ada"}}
        prompt = await caller.ask("prompts/get", asked, token=alice)
        assert "Ada" in prompt.json()["result"]["messages"][0]["content"]["text"]


def test_every_attack_is_told_of_by_a_step_and_closed_by_the_next_ones() -> None:
    for attack in ATTACKS:
        assert attack.applies <= attack.suffers < attack.closes
    assert {attack.suffers for attack in ATTACKS} == set(STEPS)
    assert {attack.closes for attack in ATTACKS} >= {2, 3, 4, 6, 7, 8, 9, 10, 11}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_says_what_it_adds_what_it_suffers_and_who_closes_it(step: int) -> None:
    said = " ".join((module(step).__doc__ or "").split())

    assert said.startswith(f"Step {step}: ")
    assert "Adds: " in said
    assert "Still suffers: " in said
    for attack in ATTACKS:
        if attack.suffers == step:
            assert f"tep {attack.closes}" in said
