"""URL elicitation: shows the URL that a server asks the user to open. Never opens it."""

import sys
from collections.abc import Mapping
from typing import Any

from anyio import to_thread

from doorward.cli.output import Output
from doorward.client.mcp.elicitation_url import read_elicitation_url


class UrlElicitation:
    """
    Prints the URL on stderr and asks the user; without a terminal, answers ``cancel``.

    Spec: MCP 2026-07-28, client/elicitation, "Safe URL Handling"
    """

    def __init__(self, output: Output, server_url: str) -> None:
        self._output = output
        self._server_url = server_url

    async def __call__(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the user's decision as an elicitation result."""

        page = read_elicitation_url(params)
        self._output.note(f"{self._server_url} asks you to open a page of {page.host}:")
        self._output.note(page.message)
        self._output.address(page.url)
        if page.warning is not None:
            self._output.note(f"Warning: {page.warning}")
        if self._output.as_json or not sys.stdin.isatty():
            self._output.note("Open it if you trust that host, then run the command again.")
            return {"action": "cancel"}
        self._output.note(
            "If you trust that host, open the URL, then press Enter. To refuse, type n:"
        )
        line = await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        return {"action": _action(line)}


def _action(line: str) -> str:
    # The end of input is not a yes.
    said = line.strip().lower()
    if line.endswith("\n") and said in ("", "y", "yes"):
        return "accept"
    return "decline" if said in ("n", "no") else "cancel"
