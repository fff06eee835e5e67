"""The settings for common clients that the demo prints and the pages show."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from doorward.cli.server.demo_screen import RichScreen
from doorward.demo.app import DemoAddresses
from doorward.demo.client_setup import INSPECTOR, INSPECTOR_NODE, client_setups

ROOT = Path(__file__).parents[2]
URL = "http://localhost:9000/mcp"
NAME = "@modelcontextprotocol/inspector"
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
    if f"npx {NAME}" in page.read_text()
)


def test_the_inspector_is_the_one_that_the_tests_drive() -> None:
    lock = json.loads((ROOT / "tests" / "clients" / "package-lock.json").read_text())
    driven = lock["packages"][f"node_modules/{NAME}"]

    assert f"{NAME}@{driven['version']}" == INSPECTOR
    assert driven["engines"]["node"] == f">={INSPECTOR_NODE}.0"


def test_the_inspector_line_names_its_version_and_the_node_that_it_needs() -> None:
    (inspector,) = [one for one in client_setups(URL) if one.client == "MCP Inspector"]
    shown = io.StringIO()
    RichScreen(Console(file=shown, width=100, soft_wrap=True)).show_addresses(
        DemoAddresses(issuer="http://localhost:9000", mcp=URL, data=None, signs_in_as=None)
    )

    assert inspector.line == f"npx {INSPECTOR} --server-url {URL}"
    assert f"{inspector.line}   (needs Node.js {INSPECTOR_NODE} or newer)" in shown.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_the_same_inspector_and_node(page: Path) -> None:
    text = page.read_text()

    assert text.count(f"npx {NAME}") == text.count(f"npx {INSPECTOR}")
    assert f"Node.js {INSPECTOR_NODE} or newer" in text


def test_there_are_pages_with_the_inspector() -> None:
    assert {page.name for page in PAGES} == {"README.md", "inspector.md", "step11.md"}
