"""Cookies that another host sets, under a name that only looks like ours."""

import pytest

from tests.authserver.browser import Browser
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import AuthServerHarness
from tests.authserver.steps import consent_page, is_consent, is_sign_in

ISSUER = "https://auth.example"


@pytest.fixture
async def harness(start_authserver: StartAuthServer) -> AuthServerHarness:
    opened: AuthServerHarness = await start_authserver(issuer=ISSUER)
    return opened


async def session_of_alice(harness: AuthServerHarness, client: str) -> tuple[Browser, str]:
    """Sign alice in, and return her browser and the Cookie header that it sends."""
    browser = harness.browser()
    assert is_consent(await consent_page(harness, browser, client))
    return browser, "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())


async def page_with(harness: AuthServerHarness, client: str, cookie: bytes) -> bool:
    """Say whether a browser that sends this Cookie header is signed in."""
    page = await harness.http.get(harness.authorize_url(client), headers=[(b"cookie", cookie)])
    assert is_consent(page) or is_sign_in(page)
    return is_consent(page)


async def test_the_cookies_that_this_server_set_count(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    _, cookie = await session_of_alice(harness, client)

    assert "__Host-doorward-session=" in cookie
    assert await page_with(harness, client, cookie.encode())
    # A browser separates cookies by "; ", a proxy perhaps by ";" alone.
    assert await page_with(harness, client, b"theme=dark;" + cookie.replace("; ", ";").encode())


@pytest.mark.parametrize(
    "before",
    [b"\xa0", b"\x85", b"\x1f", b"\x0b", b"\x0c", b"\xc2\xa0", b"\xe2\x80\x80", b"=", b'"', b"$"],
)
async def test_a_name_with_something_before_the_prefix_is_another_cookie(
    harness: AuthServerHarness, before: bytes
) -> None:
    client = (await harness.register())["client_id"]
    _, cookie = await session_of_alice(harness, client)
    # Browsers let a neighbouring host set such a name, because it does not begin with __Host-.
    tossed = cookie.encode().replace(b"__Host-", before + b"__Host-")

    assert not await page_with(harness, client, tossed)


async def test_a_cookie_that_comes_with_two_values_counts_as_none(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    _, cookie = await session_of_alice(harness, client)
    name = harness.server.services.cookies.session_name

    for other in (f"{name}=x; {cookie}", f"{cookie}; {name}=x"):
        assert not await page_with(harness, client, other.encode())
    assert await page_with(harness, client, f"{cookie}; {cookie}".encode())
