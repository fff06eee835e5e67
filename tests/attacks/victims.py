"""Steps that an attacker and a victim take, and what an attacker looks for afterwards."""

from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.authserver.browser import Browser, answer_in
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.authserver.upstream.conftest import Bridge

EVIL = "https://evil.example/callback"


async def attackers_client(harness: AuthServerHarness, **metadata: Any) -> str:
    """Register a client whose codes go to the attacker."""
    registered = await harness.register(
        **{"client_name": "Calendar", "redirect_uris": [EVIL], **metadata}
    )
    return str(registered["client_id"])


def link_to(harness: AuthServerHarness, client: str, **changes: Any) -> str:
    """Return the link that the attacker sends to a victim."""
    return harness.authorize_url(client, **{"redirect_uri": EVIL, "scope": "mcp:read", **changes})


async def signed_in_browser(harness: AuthServerHarness, client: str, **changes: Any) -> Browser:
    """Return the browser of alice, who has allowed ``client``."""
    browser = harness.browser()
    await browser.go_through(harness.authorize_url(client, **changes), "alice", PASSWORD)
    return browser


async def followed(bridge: Bridge, browser: Browser, page: httpx2.Response) -> httpx2.Response:
    """Follow redirects, also to the provider, which knows the user and asks nothing."""
    while page.is_redirect:
        target = page.headers["location"]
        if not target.startswith(bridge.provider.base):
            break
        page = await browser.open(bridge.provider.callback(target))
    return page


def code_at(page: httpx2.Response, host: str = "evil.example") -> str | None:
    """Return the code that a redirect takes to ``host``."""
    target = page.headers.get("location", "")
    if urlsplit(target).hostname != host:
        return None
    return answer_in(target).get("code")
