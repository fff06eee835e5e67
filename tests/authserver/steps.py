"""Steps that many tests take in a browser, and how they tell the pages apart."""

from typing import Any

import httpx2

from tests.authserver.browser import Browser
from tests.authserver.harness import PASSWORD, AuthServerHarness, challenge_of

OTHER_CHALLENGE = challenge_of("another-verifier-that-is-long-enough-to-be-one")


async def consent_page(
    harness: AuthServerHarness, browser: Browser, client_id: str, **changes: Any
) -> httpx2.Response:
    """Sign alice in for this client and return what she is asked."""
    page = await browser.open(harness.authorize_url(client_id, **changes))
    return await browser.sign_in(page, "alice", PASSWORD)


def is_consent(page: httpx2.Response) -> bool:
    """Say whether the page asks for consent."""
    return page.status_code == 200 and 'name="decision"' in page.text


def is_remembered(page: httpx2.Response) -> bool:
    """Say whether the page asks for one click, for what the user allowed before."""
    return is_consent(page) and "Continue to this application?" in page.text


def is_sign_in(page: httpx2.Response) -> bool:
    """Say whether the page asks who is there."""
    return page.status_code == 200 and 'name="password"' in page.text
