"""Drive mcp-remote, as a host that speaks stdio alone does: ``python -m tests.e2e.drive_mcp_remote``."""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError

from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.journey import Errand, Record, run_errands
from tests.e2e.results import value_of

CLIENTS = Path(__file__).parents[1] / "clients"
PACKAGE = CLIENTS / "node_modules" / "mcp-remote"
NODE = Path(sys.executable).parent / "node"


class Opener:
    """Somebody who reads what mcp-remote prints, and opens the addresses in it."""

    def __init__(self, browser: FormBrowser) -> None:
        self.said = ""
        self._browser = browser

    @contextmanager
    def reading(self) -> Iterator[TextIO]:
        """Give what the process writes its standard error to."""
        there, here = os.pipe()
        with os.fdopen(here, "w") as written:
            threading.Thread(target=self._read, args=(there,), daemon=True).start()
            yield written

    def _read(self, pipe: int) -> None:
        with os.fdopen(pipe) as lines:
            for line in lines:
                self.said += line
                if line.startswith("http") and "code_challenge=" in line:
                    threading.Thread(target=self._open, args=(line.strip(),), daemon=True).start()

    def _open(self, url: str) -> None:
        try:
            self._browser.walk(url)
        except BrowserStuck as stuck:
            self.said += f"{stuck}\n"


def _command(errand: Errand, folder: str) -> StdioServerParameters:
    words = [str(PACKAGE / "dist" / "proxy.js"), errand.server, "--allow-http"]
    if errand.client_id is not None:
        words += ["--static-oauth-client-info", json.dumps({"client_id": errand.client_id})]
    return StdioServerParameters(
        command=str(NODE),
        args=words,
        # A browser of its own would be a second one, so it gets one that does nothing.
        env={"MCP_REMOTE_CONFIG_DIR": folder, "HOME": folder, "BROWSER": "true"},
    )


async def travel(errand: Errand) -> Record:
    """Sign in, add, try the admin tool, add again."""
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    record = Record(client=f"mcp-remote {version}")
    browser = errand.browser()
    opener = Opener(browser)
    with tempfile.TemporaryDirectory() as folder, opener.reading() as written:
        try:
            transport = stdio_client(_command(errand, folder), errlog=written)
            async with Client(transport, mode=errand.mode) as client:
                record.protocol = client.protocol_version
                record.tools = [tool.name for tool in (await client.list_tools()).tools]
                record.total = value_of(await client.call_tool("add", {"a": 2, "b": 3}))
                try:
                    record.admin_tool_answer = value_of(
                        await client.call_tool(errand.admin_tool, {})
                    )
                except (MCPError, RuntimeError) as refusal:
                    record.admin_tool_error = f"{type(refusal).__name__}: {refusal}"
                await client.call_tool("add", {"a": 20, "b": 22})
        except BaseException:
            print(opener.said, file=sys.stderr)
            raise
    record.pages = [walk.pages for walk in browser.walks]
    record.answers = [sorted(walk.answer) for walk in browser.walks]
    browser.close()
    return record


if __name__ == "__main__":
    run_errands(travel)
