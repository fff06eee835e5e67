"""Sign-in with a browser on another machine, and several accounts at one server."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from doorward.client import (
    ClientRefused,
    FileStore,
    SignInFailed,
    SignInNeeded,
    TokenStore,
    open_connection,
)
from doorward.errors import ConfigurationError
from tests.client.conftest import Clock, Open
from tests.client.device_server import DEVICE, Device
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer


class Terminal:
    """A user who opens the address elsewhere, and pastes what ``bend`` makes of its last one."""

    def __init__(
        self, fake_issuer: FakeIssuer, bend: Callable[[str], str] = lambda text: text
    ) -> None:
        self._house, self._bend = fake_issuer, bend
        self.last = ""
        self.asked = 0

    def open(self, url: str) -> None:
        target, parameters = self._house.authorize(url)
        self.last = f"{target}?{urlencode(parameters)}"

    def paste(self) -> str:
        self.asked += 1
        return self._bend(self.last)


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda text: text, id="as-it-is"),
        pytest.param(lambda text: f"  {text}\n", id="with-spaces"),
        pytest.param(lambda text: f"'{text}'", id="quoted"),
        pytest.param(lambda text: f"\x1b[200~{text}\x1b[201~", id="bracketed-paste"),
        pytest.param(lambda text: text[:80] + "\n" + text[80:], id="broken-by-the-terminal"),
    ],
)
async def test_a_pasted_redirect_url_completes_the_sign_in(
    open_client: Open, fake_issuer: FakeIssuer, bend: Callable[[str], str]
) -> None:
    terminal = Terminal(fake_issuer, bend)

    async with open_client(browser=terminal.open, paste=terminal.paste) as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert terminal.asked == 1
    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert form["redirect_uri"] == fake_issuer.authorizations[0]["redirect_uri"]


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda text: text.partition("?")[2], id="the-query-alone"),
        pytest.param(lambda text: text.replace("127.0.0.1", "evil.example"), id="another-host"),
        pytest.param(lambda text: text.replace("state=", "state=x"), id="another-state"),
        pytest.param(lambda text: text + "&state=x", id="two-states"),
        pytest.param(lambda text: text.replace("/callback", "/"), id="another-path"),
    ],
)
async def test_an_invalid_pasted_response_is_refused_after_three_attempts(
    open_client: Open, fake_issuer: FakeIssuer, bend: Callable[[str], str]
) -> None:
    terminal = Terminal(fake_issuer, bend)

    async with open_client(browser=terminal.open, paste=terminal.paste) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "nothing-pasted"
    assert terminal.asked == 3
    assert fake_issuer.forms(f"{ISSUER}/token") == []
    assert "code-" not in str(refusal.value)


async def test_a_pasted_response_of_another_issuer_is_refused(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    terminal = Terminal(fake_issuer, lambda text: text.replace("issuer.example", "evil.example"))

    async with open_client(browser=terminal.open, paste=terminal.paste) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "issuer-mismatch"


async def test_the_device_flow_shows_a_user_code_and_polls_until_it_is_entered(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    device = Device(fake_issuer, ["authorization_pending", "slow_down", "authorization_pending"])

    async with open_client(**device.options()) as connection:
        await connection.log_in()
        await connection.client.list_tools()

    (code,) = device.shown
    assert (code.verification_uri, code.user_code) == (f"{ISSUER}/enter", "WDJB-MJHT")
    assert device.slept == [5.0, 5.0, 10.0, 10.0]
    assert fake_issuer.authorizations == []
    forms = fake_issuer.forms(f"{ISSUER}/token")
    assert {form["device_code"] for form in forms} == {"device-secret"}
    assert {form["resource"] for form in forms} == {SERVER}
    (asked,) = fake_issuer.forms(DEVICE)
    assert asked["scope"] == "mcp:read mcp:tools"
    (client,) = fake_issuer.clients.values()
    assert "urn:ietf:params:oauth:grant-type:device_code" in client["grant_types"]


async def test_a_connection_error_lengthens_the_polling_interval(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    device = Device(fake_issuer, [httpx2.ConnectError("x"), 503])

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert device.slept == [5.0, 10.0, 20.0]


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
async def test_a_device_flow_error_ends_the_sign_in(
    open_client: Open, fake_issuer: FakeIssuer, error: str
) -> None:
    device = Device(fake_issuer, ["authorization_pending", error])

    async with open_client(**device.options()) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == error.replace("_", "-")
    assert len(fake_issuer.forms(f"{ISSUER}/token")) == 2


async def test_a_user_code_that_is_not_entered_times_out(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    device = Device(fake_issuer, ["authorization_pending"] * 100, expires_in=60)
    device.clock = clock

    async with open_client(**device.options()) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "timed-out"
    assert len(device.slept) == 12


async def test_an_issuer_without_device_flow_is_an_error(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client(show=print) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "no-device-flow"


@pytest.mark.parametrize(
    "answer",
    [
        {"user_code": "\x1b[2J"},
        {"user_code": None},
        {"device_code": ""},
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": "https://x.example/$(id)"},
        {"verification_uri_complete": "javascript:alert(1)"},
    ],
)
async def test_an_unsafe_device_response_is_not_shown(
    open_client: Open, fake_issuer: FakeIssuer, answer: dict[str, Any]
) -> None:
    device = Device(fake_issuer, [], **answer)

    async with open_client(**device.options()) as connection:
        with pytest.raises(ClientRefused):
            await connection.log_in()

    assert device.shown == []


async def test_accounts_at_one_server_have_separate_tokens(
    fake_issuer: FakeIssuer, tmp_path: Any, clock: Clock
) -> None:
    store = FileStore(tmp_path / "doorward")
    wallets = {name: TokenStore(store, name) for name in ("work", "home", None)}

    async def log_in(token_store: TokenStore) -> None:
        async with open_connection(
            SERVER,
            token_store=token_store,
            transport=fake_issuer.transport,
            clock=clock,
            browser=fake_issuer.browser,
        ) as connection:
            await connection.log_in()

    await log_in(wallets["work"])
    assert wallets["home"].tokens_for(SERVER) is None
    assert wallets[None].tokens_for(SERVER) is None
    await log_in(wallets["home"])
    await log_in(wallets[None])

    held = {token_store.tokens_for(SERVER) for token_store in wallets.values()}
    assert len({tokens.access_token for tokens in held if tokens}) == 3
    assert fake_issuer.paths().count(f"POST {ISSUER}/register") == 1
    assert all(token_store.servers() == (SERVER,) for token_store in wallets.values())
    wallets["work"].delete_tokens(SERVER)
    assert wallets["work"].servers() == ()
    assert wallets["home"].tokens_for(SERVER) is not None


async def test_an_account_does_not_use_the_token_of_another_account(
    fake_issuer: FakeIssuer, tmp_path: Any, clock: Clock
) -> None:
    store = FileStore(tmp_path / "doorward")
    options: dict[str, Any] = {"transport": fake_issuer.transport, "clock": clock}
    async with open_connection(
        SERVER, token_store=TokenStore(store, "work"), browser=fake_issuer.browser, **options
    ) as connection:
        await connection.log_in()
    async with open_connection(
        SERVER, token_store=TokenStore(store, "home"), interactive=False, **options
    ) as connection:
        with pytest.raises(SignInNeeded):
            await connection.client.list_tools()


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 65, "ä"])
def test_an_invalid_account_name_is_refused(tmp_path: Any, name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TokenStore(FileStore(tmp_path / "doorward"), name)

    assert refusal.value.reason == "malformed-account"
