"""A page that a server wants the user to open: shown, and opened by nobody but the user."""

import sys
from collections.abc import Mapping
from typing import Any

from doorward.cli.output import Output


class AskedPage:
    """
    Shows the page on stderr and asks the user; where nobody can answer, it is shown and not agreed to.

    Spec: MCP 2026-07-28, client/elicitation, "Safe URL Handling"
    """

    def __init__(self, output: Output, server_url: str) -> None:
        self._output = output
        self._server_url = server_url

    async def __call__(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the user decides."""
        from anyio import to_thread

        from doorward.client.mcp.elicitation_url import page_in

        page = page_in(params)
        self._output.note(f"{self._server_url} wants you to open a page of {page.host}:")
        self._output.note(page.message)
        self._output.address(page.url)
        if page.warning is not None:
            self._output.note(f"Careful: {page.warning}")
        if self._output.as_json or not sys.stdin.isatty():
            self._output.note("Open it if you trust that host, and make the call again.")
            return {"action": "cancel"}
        self._output.note("Open it if you trust that host. Enter when you have, n to refuse:")
        line = await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        return {"action": _action(line)}


def _action(line: str) -> str:
    # Only what is plainly a yes is one: the end of the input is not.
    said = line.strip().lower()
    if line.endswith("\n") and said in ("", "y", "yes"):
        return "accept"
    return "decline" if said in ("n", "no") else "cancel"
