"""The page after a sign-in of our own client, as Chromium draws it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from doorward.client.sign_in.callback_page import page_for
from tests.pages.browser import SIZES, ColorScheme, new_page, served

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

JUDGED = (Path(__file__).parent / "judged_in_page.js").read_text(encoding="utf-8")


async def _show(request: Request) -> Response:
    head, _, body = page_for(request.query_params).partition(b"\r\n\r\n")
    lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return Response(body, headers={name.lower(): value for name, value in lines})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_the_page_fits_reads_well_and_breaks_no_policy(
    browser: Browser, size: ViewportSize, scheme: ColorScheme
) -> None:
    shown = []
    with (
        served(Starlette(routes=[Route("/callback", _show)])) as origin,
        new_page(browser, size, scheme) as watched,
    ):
        for parameters in ("code=c", "error=access_denied", "error=server_error"):
            watched.page.goto(f"{origin}/callback?{parameters}")
            assert watched.page.evaluate(JUDGED) == [], parameters
            shown.append(watched.page.inner_text("h1"))

    assert watched.complaints == []
    assert shown == ["Go back to the terminal", "Access was denied", "The sign-in failed"]
