"""The official conformance suite, for what a server of tools and prompts is asked."""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.transport.everything import everything
from tests.transport.over_loopback import serving

SUITE = ROOT / "tests/clients/node_modules/@modelcontextprotocol/conformance/dist/index.js"
NODE = ROOT / ".venv/bin/node"

BOTH = (
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
    "dns-rebinding-protection",
)
SCENARIOS = {
    "2025-11-25": ("server-initialize", "ping", *BOTH),
    "2026-07-28": (*BOTH, "http-header-validation", "http-custom-header-server-validation"),
}


async def passes(base: str, scenario: str, version: str, results: Path) -> str:
    """Run one scenario; the empty string when every check passed, else what the suite said."""
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(SUITE), "server", "--url", f"{base}/mcp"),
        *("--scenario", scenario, "--spec-version", version, "-o", str(results)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    text = said.decode()
    passed = "0 failed, 0 warnings" in text and "Passed: 0/0" not in text
    return "" if passed and process.returncode == 0 else f"{scenario}:\n{text}"


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.needs("node-clients")
@pytest.mark.parametrize("version", SCENARIOS)
async def test_the_conformance_suite_finds_nothing(version: str, tmp_path: Path) -> None:
    async with serving(everything().asgi) as base:
        failures = [
            await passes(base, scenario, version, tmp_path) for scenario in SCENARIOS[version]
        ]

    assert "".join(failures) == ""
