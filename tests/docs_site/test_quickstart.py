"""The quickstart's page: its session runs at the server that the page has its reader start."""

from pathlib import Path
from typing import Any

import pytest
from docs.making.pages import ROOT

from tests.docs_site.sessions import Reader, differences
from tests.e2e.home import environment_of
from tests.quickstart.test_walk import running

__all__ = ["running"]


@pytest.mark.e2e
def test_the_session_of_the_quickstart_runs(
    running: tuple[str, dict[str, Any]],
    tmp_path: Path,
) -> None:
    url, _ = running
    port = url.removesuffix("/mcp").rpartition(":")[2]
    reader = Reader(
        tmp_path, environment_of(tmp_path, "", ""), {"localhost:8000": f"localhost:{port}"}
    )

    assert differences(ROOT / "quickstart" / "README.md", reader) == []
