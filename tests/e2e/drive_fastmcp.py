"""Drive the FastMCP client against a server: ``python -m tests.e2e.drive_fastmcp``."""

import threading
import warnings
import webbrowser
from importlib.metadata import version
from typing import Any

import httpx2
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.client import CallToolResult
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from key_value.aio.stores.memory import MemoryStore
from mcp.client.auth import OAuthFlowError
from mcp.shared.auth import OAuthToken
from mcp.shared.exceptions import MCPError

from tests.e2e.exchanges import Exchanges
from tests.e2e.form_browser import FormBrowser
from tests.e2e.journey import Errand, Record, run_errands

REFUSALS = (MCPError, ToolError, OAuthFlowError, RuntimeError, PermissionError, httpx2.HTTPError)


class InstalledBrowser(webbrowser.BaseBrowser):
    """What ``webbrowser.open`` finds: it returns at once, as opening a window does."""

    def __init__(self, browser: FormBrowser) -> None:
        super().__init__("form-browser")
        self._browser = browser

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Walk the URL on a thread of its own."""
        threading.Thread(target=self._browser.walk, args=(url,), daemon=True).start()
        return True


async def travel(errand: Errand) -> Record:
    """Sign in, add, try the admin tool, let the token expire, add again."""
    record = Record(client=f"fastmcp {version('fastmcp')}")
    browser = errand.browser()
    webbrowser.register("form-browser", None, InstalledBrowser(browser), preferred=True)
    exchanges = Exchanges()
    oauth = _oauth(errand)
    transport = StreamableHttpTransport(
        errand.server, auth=oauth, httpx_client_factory=_factory(exchanges)
    )
    async with Client(transport, mode=errand.mode) as client:
        record.protocol = client.session.protocol_version or ""
        record.tools = [tool.name for tool in await client.list_tools()]
        record.total = _value(await client.call_tool("add", {"a": 2, "b": 3}))
        try:
            record.admin_tool_answer = _value(await client.call_tool(errand.admin_tool, {}))
        except REFUSALS as refusal:
            record.admin_tool_error = f"{type(refusal).__name__}: {refusal}"

        before = await _kept(oauth)
        oauth.context.token_expiry_time = 1.0
        record.total_after_refresh = _value(await client.call_tool("add", {"a": 20, "b": 22}))
        after = await _kept(oauth)
        registration = await oauth.token_storage_adapter.get_client_info()
        record.client_id = registration.client_id if registration else ""
        record.access_token_changed = before.access_token != after.access_token
        record.refresh_token_changed = before.refresh_token != after.refresh_token
    record.conclude(exchanges, browser)
    browser.close()
    return record


def _oauth(errand: Errand) -> OAuth:
    with warnings.catch_warnings(action="ignore"):  # it warns that memory forgets
        return OAuth(
            errand.server,
            client_name="FastMCP under test",
            token_storage=MemoryStore(),
            callback_timeout=30,
            client_metadata_url=errand.client_metadata_url,
            client_id=errand.client_id,
        )


def _value(answer: CallToolResult) -> Any:
    # ``data`` is the bare value only where the server is a FastMCP server.
    return (answer.structured_content or {}).get("result")


async def _kept(oauth: OAuth) -> OAuthToken:
    tokens = await oauth.token_storage_adapter.get_tokens()
    assert tokens is not None
    return tokens


def _factory(exchanges: Exchanges) -> Any:
    def client(**options: Any) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            **{"timeout": 30, **options}, event_hooks={"response": [exchanges.note]}
        )

    return client


if __name__ == "__main__":
    run_errands(travel)
