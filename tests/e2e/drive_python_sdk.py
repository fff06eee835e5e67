"""Drive the official Python SDK's client against a server: ``python -m tests.e2e.drive_python_sdk``."""

import asyncio
import time
from contextlib import AsyncExitStack
from importlib.metadata import version

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp.shared.exceptions import MCPError
from pydantic import AnyUrl

from tests.e2e.callback_listener import CallbackListener
from tests.e2e.exchanges import Exchanges
from tests.e2e.form_browser import FormBrowser
from tests.e2e.journey import Errand, Record, run_errands
from tests.e2e.results import value_of


class Storage:
    """What the SDK asks its host to keep."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens kept."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep new tokens."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return the registration kept."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a registration."""
        self.client = client_info


def provider_for(
    errand: Errand, listener: CallbackListener, browser: FormBrowser, storage: Storage
) -> OAuthClientProvider:
    """Return the SDK's provider as a command-line host sets it up."""

    async def open_browser(url: str) -> None:
        await asyncio.to_thread(browser.walk, url)

    async def take_callback() -> AuthorizationCodeResult:
        came = await listener.next()
        if "error" in came:
            raise PermissionError(f"the authorization server answered {came['error']}")
        return AuthorizationCodeResult(
            code=came["code"], state=came.get("state"), iss=came.get("iss")
        )

    return OAuthClientProvider(
        errand.server,
        OAuthClientMetadata(
            client_name="Python SDK under test", redirect_uris=[AnyUrl(listener.redirect_uri)]
        ),
        storage,
        redirect_handler=open_browser,
        callback_handler=take_callback,
        client_metadata_url=errand.client_metadata_url,
    )


async def travel(errand: Errand) -> Record:
    """Sign in, add, try the admin tool, let the token expire, add again."""
    record = Record(client=f"mcp {version('mcp')}")
    browser = errand.browser()
    exchanges, storage = Exchanges(), Storage()
    async with AsyncExitStack() as stack:
        stack.callback(browser.close)
        listener = await stack.enter_async_context(CallbackListener())
        if errand.client_id is not None:
            storage.client = OAuthClientInformationFull(
                client_id=errand.client_id, redirect_uris=[AnyUrl(listener.redirect_uri)]
            )
        provider = provider_for(errand, listener, browser, storage)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(
                auth=provider, event_hooks={"response": [exchanges.note]}, timeout=30
            )
        )
        client = await stack.enter_async_context(
            Client(streamable_http_client(errand.server, http_client=http), mode=errand.mode)
        )
        record.protocol = client.protocol_version
        record.tools = [tool.name for tool in (await client.list_tools()).tools]
        record.total = value_of(await client.call_tool("add", {"a": 2, "b": 3}))
        try:
            record.admin_tool_answer = value_of(await client.call_tool(errand.admin_tool, {}))
        except (MCPError, PermissionError, RuntimeError, httpx2.HTTPError) as refusal:
            record.admin_tool_error = f"{type(refusal).__name__}: {refusal}"

        before = storage.tokens
        provider.context.token_expiry_time = time.time() - 1
        record.total_after_refresh = value_of(await client.call_tool("add", {"a": 20, "b": 22}))
        after = storage.tokens
        assert before is not None
        assert after is not None
        assert storage.client is not None
        record.client_id = storage.client.client_id
        record.access_token_changed = before.access_token != after.access_token
        record.refresh_token_changed = before.refresh_token != after.refresh_token
    record.conclude(exchanges, browser)
    return record


if __name__ == "__main__":
    run_errands(travel)
