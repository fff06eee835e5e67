"""A real Chromium and a real server for tests that need to see what a person sees."""

import asyncio
import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.net.http_server import listening

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
SIZES = {"phone": PHONE, "desktop": DESKTOP}

ColorScheme = Literal["light", "dark"]

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Watched:
    """A page, its browser context, and everything that the browser complained about in it."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Start the machine's own Chromium, headless, with more ``arguments``; end it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=[*_ARGUMENTS, *arguments],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def new_page(
    browser: Browser,
    size: ViewportSize,
    scheme: ColorScheme = "light",
    *,
    scale: float = 1,
) -> Iterator[Watched]:
    """Open a page of ``size`` in a context without history, cookies or cache."""
    context = browser.new_context(
        viewport=size,
        color_scheme=scheme,
        device_scale_factor=scale,
        has_touch=size["width"] < 600,
    )
    context.set_default_timeout(30_000)
    watched = Watched(context.new_page(), context)
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    try:
        yield watched
    finally:
        context.close()


@contextlib.contextmanager
def served(
    app: Any,
    sock: socket.socket | None = None,
    around: contextlib.AbstractAsyncContextManager[object] | None = None,
) -> Iterator[str]:
    """
    Serve an ASGI application on a loopback port, and return its origin.

    ``around`` is entered on the server's own event loop before the first request, and left after
    the last. It runs in a thread, so that a test may wait for a browser meanwhile.
    """
    listener = sock or listening()
    config = uvicorn.Config(app, log_level="error", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    started: Future[None] = Future()

    async def serve() -> None:
        try:
            async with around or contextlib.nullcontext():
                started.set_result(None)
                await server.serve(sockets=[listener])
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    try:
        started.result(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
