"""One person at the Inspector: connects, signs in where it sends the browser, calls a tool."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Locator, Page, Response, ViewportSize
from playwright.sync_api import TimeoutError as NotInTime

from tests.inspector.running_inspector import RunningInspector
from tests.pages.browser import chromium, new_page

# Its pages ask for fonts on the Internet, and nothing here may leave this machine.
ONLY_THIS_MACHINE = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]"
)


def hosts_at(port: int) -> tuple[str, ...]:
    """Return the arguments with which all https hosts are this machine, at ``port``."""
    rules = f"MAP *:443 127.0.0.1:{port}, MAP *:9443 127.0.0.1:{port}, "
    return ONLY_THIS_MACHINE.replace("MAP * ~", f"{rules}MAP * ~"), "--ignore-certificate-errors"


WINDOW: ViewportSize = {"width": 1280, "height": 660}
MOST_PAGES = 6
PATIENCE = 30_000.0  # milliseconds

STATUS = "[data-testid=connection-status]"
TOAST = ".mantine-Notification-root"

Picture = Callable[[str], object]


class SessionStuck(Exception):
    """The Inspector, or the pages on the way, came to an end where no person could go on."""


def _is_list_of_servers(response: Response) -> bool:
    return response.request.method == "GET" and response.url.endswith("/api/servers")


@dataclass
class Session:
    """
    What one person does; ``visited`` are the pages that they were shown on the way to signing in.

    ``picture`` is called with a name wherever there is something to see. ``provider`` is the identity
    provider to choose where several are offered.
    """

    page: Page
    inspector: RunningInspector
    picture: Picture = lambda _name: None
    visited: list[str] = field(default_factory=list)
    provider: str = ""

    def connect(self, server: str, username: str, password: str) -> None:
        """
        Connect to ``server`` as the Inspector's own link does, signing in on the way.

        Raises:
            SessionStuck: no way on, with what the Inspector says about it.
        """
        self.page.goto(self.inspector.deep_link(server))
        self.wait_until_sent_to_sign_in()
        self.sign_in(username, password)
        self.wait_until_connected()

    def add_server(self, name: str, url: str) -> None:
        """Add a server by hand, as a person without a link does."""
        self.page.goto(self.inspector.home())
        self.page.get_by_role("button", name="Add Servers").click()
        self.page.get_by_role("menuitem", name="Add manually").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Server ID").fill(name)
        dialog.get_by_label("Transport").first.click()
        self.page.get_by_role("option", name="streamable-http").click()
        dialog.get_by_label("URL").first.fill(url)
        dialog.get_by_role("button", name="Add", exact=True).click()
        dialog.wait_for(state="detached")

    def choose(self, *, client_id: str = "", revision: str = "") -> None:
        """Open the settings of the only server; set a registered client id, or the protocol revision."""
        self.page.get_by_role("button", name="Settings", exact=True).last.click()
        dialog = self.page.get_by_role("dialog")
        if revision:
            dialog.get_by_label("Protocol Era").first.click()
            self.page.get_by_role("option", name=revision).click()
        if client_id:
            dialog.get_by_text("OAuth Settings", exact=True).click()
            dialog.get_by_label("Client ID").first.fill(client_id)
            self.picture("client-id")
        # Closing saves what was typed; the Inspector connects with what it has read again since.
        with self.page.expect_response(_is_list_of_servers, timeout=PATIENCE):
            self.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")

    def switch_on(self, username: str, password: str) -> None:
        """Connect to the only server by its switch, signing in on the way."""
        self.page.get_by_role("switch", name="Connect or disconnect").click(force=True)
        self.wait_until_sent_to_sign_in()
        self.sign_in(username, password)
        self.wait_until_connected()

    def wait_until_sent_to_sign_in(self) -> None:
        """Wait until the Inspector has sent the browser to the authorization server."""
        deadline = time.monotonic() + PATIENCE / 1000
        while self._is_own(self.page.url):
            if self._has_failed() or time.monotonic() > deadline:
                raise SessionStuck(f"not connected: {self._says()}")
            self.page.wait_for_timeout(50)

    def sign_in(self, username: str, password: str) -> None:
        """Fill in what the pages ask for and say yes, until the Inspector has the browser again."""
        for _ in range(MOST_PAGES):
            if self._is_own(self.page.url):
                return
            self.page.wait_for_load_state()
            button = self._fill(username, password)
            self.picture(self.visited[-1])
            try:
                with self.page.expect_navigation(timeout=PATIENCE):
                    button.click()
            except NotInTime:
                raise SessionStuck(f"nothing happened at {self.page.title()!r}") from None
        raise SessionStuck(f"still not back after {self.visited}; at {self.page.title()!r}")

    def _fill(self, username: str, password: str) -> Locator:
        """Fill in the page that is shown, and return the button that sends it."""
        asks_password = self.page.locator("input[type=password]")
        if asks_password.count():
            name = "sign-in"
            self.page.locator("input[name=username]").fill(username)
            asks_password.fill(password)
            button = self.page.locator("form button[type=submit], form input[type=submit]")
        else:
            name = "consent"
            button = self.page.locator("button[name=decision][value=allow], button[name=accept]")
            if not button.count() and self.provider:
                name = "provider"
                button = self.page.locator(f"form[action$='/sign-in/{self.provider}'] button")
        if not button.count():
            raise SessionStuck(f"a page without a way on: {self.page.title()!r}")
        if name in self.visited:
            raise SessionStuck(f"asked twice: {self.page.title()!r}")
        self.visited.append(name)
        return button.first

    def wait_until_connected(self) -> None:
        """Wait until the Inspector says that it is connected."""
        # A failed token exchange leaves the status as it was; only the notification tells.
        over = self.page.locator(
            f"{STATUS}[data-status=connected], {STATUS}[data-status=error], "
            f"{TOAST}:has-text('Re-authentication required')"
        )
        try:
            over.first.wait_for(state="attached", timeout=PATIENCE)
        except NotInTime:
            raise SessionStuck(f"neither connected nor refused: {self._says()}") from None
        if self.status != "connected":
            raise SessionStuck(f"not connected: {self._says()}")
        self.picture("connected")

    def settle(self) -> None:
        """Close what the Inspector tells in passing, and wait until nothing moves."""
        for toast in self.page.locator(f"{TOAST} button").all():
            toast.click()
        self.page.locator(TOAST).wait_for(state="detached")
        self.page.wait_for_function(
            "() => document.getAnimations().every(one => one.playState !== 'running')"
        )

    def _has_failed(self) -> bool:
        return self.page.locator(f"{STATUS}[data-status=error]").count() > 0

    @property
    def status(self) -> str | None:
        """What the Inspector says about its connection."""
        return self.page.locator(STATUS).get_attribute("data-status", timeout=2000)

    def tools(self) -> list[str]:
        """Return the names of the tools that it shows, in its order."""
        self.page.locator("header label", has_text="Tools").click()
        heading = self.page.get_by_text(re.compile(r"^Tools \(\d+\)$"))
        heading.wait_for()
        count = int(re.sub(r"\D", "", heading.inner_text()))
        shown = self.page.locator("main").inner_text().partition("Paginated")[2].split()
        return shown[:count]

    def call(self, tool: str, **arguments: str) -> str:
        """Call ``tool`` through its form, once, and return what the page shows as its result."""
        self.page.locator("header label", has_text="Tools").click()
        self.page.locator("main").get_by_text(tool, exact=True).first.click()
        for name, value in arguments.items():
            self.page.get_by_role("textbox", name=re.compile(rf"^{name}\b", re.IGNORECASE)).fill(
                value
            )
        self.page.get_by_role("button", name="Execute Tool").click()
        main = self.page.locator("main")
        main.get_by_text("Results", exact=True).wait_for()
        self.picture("called")
        return main.inner_text().partition("\nResults\n")[2].partition("\nProtocol\n")[0]

    def _is_own(self, url: str) -> bool:
        return url.startswith((self.inspector.origin, "about:"))

    def _says(self) -> str:
        told = self.page.locator(STATUS).get_attribute("data-error-message", timeout=2000)
        return " / ".join([str(told), *self.page.locator(TOAST).all_inner_texts()])


@contextlib.contextmanager
def browsing(*arguments: str) -> Iterator[Browser]:
    """Start a Chromium that knows no other machine, with more ``arguments``."""
    with chromium(*(arguments or (ONLY_THIS_MACHINE,))) as browser:
        yield browser


@contextlib.contextmanager
def session(browser: Browser, inspector: RunningInspector) -> Iterator[Session]:
    """Sit down at the Inspector with a browser that has no history."""
    with new_page(browser, WINDOW) as watched:
        yield Session(watched.page, inspector)
