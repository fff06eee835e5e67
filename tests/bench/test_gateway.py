"""The benchmark of the gateway runs, and would notice a wrong answer."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.gateway.__main__ import Figures, section
from benchmarks.page import PAGE

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.e2e
@pytest.mark.needs("nginx")
def test_a_quick_run_measures_every_proxy_and_writes_no_page() -> None:
    before = PAGE.read_bytes()

    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.gateway", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    for label in (
        "nginx",
        "Starlette and httpx2",
        "**doorward serve**",
        "ms added to a call of a stdio",
    ):
        assert f"| {label}" in run.stdout
    assert PAGE.read_bytes() == before


def test_the_section_has_what_each_proxy_adds() -> None:
    found = {
        "backend": Figures(10e-6, 0.001, 0.002),
        "nginx": Figures(20e-6, 0.0015, 0.0025),
        "starlette": Figures(1500e-6, 0.05, 0.08),
        "doorward": Figures(120e-6, 0.004, 0.0045),
    }

    text = section(found, 120_000_000, 1000, 0.0007, load=0.5)

    assert "| **doorward serve**, known API key | 120 | 3.0 | 2.5 |" in text
    assert "| CPU of Starlette's proxy, times doorward's | 12.5 | at least 4 |" in text
    assert "| MB with 1,000 open streams | 120 | 150 |" in text
    assert "| ms added to a call of a stdio server that runs | 0.70 | 1 |" in text
