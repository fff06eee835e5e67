"""Device authorization: accepted responses, and how often and how long the client polls."""

from typing import Any

import pytest

from doorward.client import ClientRefused, TokenStore, open_connection
from tests.client.conftest import Clock, Open
from tests.client.device_server import DEVICE, Device
from tests.client.fake_issuer import ISSUER, FakeIssuer
from tests.ledger import proves

PENDING = "authorization_pending"


async def refusal_of(open_client: Open, device: Device) -> ClientRefused:
    async with open_client(**device.options()) as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()
    return refusal.value


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize("member", ["verification_uri", "verification_uri_complete"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://issuer.example/enter", "insecure-url"),
        ("http://127.0.0.1/enter", "insecure-url"),
        ("http://localhost:8080/enter", "insecure-url"),
        ("https://10.0.0.1/enter", "private-address"),
        ("https://user@issuer.example/enter", "unsafe-url"),
        ("https:///enter", "unsafe-url"),
        ("https://issuer.example/" + "a" * 2048, "malformed-device-answer"),
        (7, "malformed-device-answer"),
        (["https://issuer.example/enter"], "malformed-device-answer"),
    ],
)
async def test_a_verification_uri_that_is_not_https_is_not_shown(
    open_client: Open, fake_issuer: FakeIssuer, member: str, address: Any, reason: str
) -> None:
    device = Device(fake_issuer, [], **{member: address})

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == reason
    assert device.shown == []
    assert fake_issuer.forms(f"{ISSUER}/token") == []


@proves("S229", "accepts", "device flow limits")
@pytest.mark.parametrize(
    "address",
    [f"{ISSUER}/enter", "https://microsoft.example/devicelogin", f"{ISSUER}/app#/device"],
)
async def test_an_https_verification_uri_is_shown(
    open_client: Open, fake_issuer: FakeIssuer, address: str
) -> None:
    device = Device(fake_issuer, [], verification_uri=address)

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert [code.verification_uri for code in device.shown] == [address]


LOCAL = "http://localhost:9000"
LOCAL_PAGE = {"verification_uri": "http://127.0.0.1:9001/enter", "verification_uri_complete": None}


def local_house(fake_issuer: FakeIssuer, issuer: str) -> None:
    """Put the MCP server on this machine, in front of ``issuer``."""
    server = f"{LOCAL}/mcp"
    fake_issuer.challenge = {"resource_metadata": f"{LOCAL}/metadata"}
    fake_issuer.resource |= {"resource": server, "authorization_servers": [issuer]}
    fake_issuer.metadata |= {
        name: value.replace(ISSUER, issuer)
        for name, value in fake_issuer.metadata.items()
        if isinstance(value, str)
    }
    fake_issuer.routes |= {
        server: fake_issuer._mcp,
        f"{LOCAL}/metadata": fake_issuer._resource,
        f"{issuer}/.well-known/oauth-authorization-server": fake_issuer._metadata,
        f"{issuer}/register": fake_issuer._register,
        f"{issuer}/device": fake_issuer.routes[DEVICE],
        f"{issuer}/token": fake_issuer.routes[f"{ISSUER}/token"],
    }


@proves("S229", "accepts", "device flow limits")
async def test_a_loopback_issuer_may_use_a_plain_http_verification_uri(
    fake_issuer: FakeIssuer, token_store: TokenStore, clock: Clock
) -> None:
    device = Device(fake_issuer, [], **LOCAL_PAGE)
    local_house(fake_issuer, "http://127.0.0.1:9001")

    async with open_connection(
        f"{LOCAL}/mcp",
        token_store=token_store,
        transport=fake_issuer.transport,
        clock=clock,
        **device.options(),
    ) as connection:
        await connection.log_in()

    assert [code.verification_uri for code in device.shown] == ["http://127.0.0.1:9001/enter"]


@proves("S229", "refuses", "device flow limits")
async def test_a_remote_issuer_cannot_name_a_loopback_http_verification_uri(
    fake_issuer: FakeIssuer, token_store: TokenStore, clock: Clock
) -> None:
    device = Device(fake_issuer, [], **LOCAL_PAGE)
    local_house(fake_issuer, ISSUER)

    async with open_connection(
        f"{LOCAL}/mcp",
        token_store=token_store,
        transport=fake_issuer.transport,
        clock=clock,
        **device.options(),
    ) as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "insecure-url"
    assert device.shown == []


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize("interval", [0, 1e-9, 0.5, 1e-300])
async def test_polling_waits_at_least_one_second(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, interval: float
) -> None:
    device = Device(fake_issuer, [PENDING] * 100, interval=interval, expires_in=10)
    device.clock = clock

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == "timed-out"
    assert device.slept == [1.0] * 10


@proves("S229", "accepts", "device flow limits")
@pytest.mark.parametrize(("interval", "slept"), [(1, 1.0), (2.5, 2.5), (None, 5.0), (300, 300.0)])
async def test_polling_uses_the_interval_of_the_issuer(
    open_client: Open, fake_issuer: FakeIssuer, interval: float | None, slept: float
) -> None:
    device = Device(fake_issuer, [PENDING], interval=interval)

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert device.slept == [slept, slept]


@proves("S229", "accepts", "device flow limits")
async def test_every_slow_down_adds_five_seconds(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    device = Device(fake_issuer, ["slow_down", PENDING, "slow_down"], interval=58)

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert device.slept == [58.0, 63.0, 63.0, 68.0]


async def test_a_server_error_never_shortens_the_polling_interval(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    device = Device(fake_issuer, [503, 503], interval=90)

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert device.slept == [90.0, 90.0, 90.0]


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize("member", ["interval", "expires_in"])
@pytest.mark.parametrize(
    "value", [True, False, "5", "", -1, -0.5, 301e9, 10**400, [], {}, [5]], ids=str
)
async def test_an_interval_or_lifetime_that_is_not_a_valid_number_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, member: str, value: Any
) -> None:
    device = Device(fake_issuer, [], **{member: value})

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == "malformed-device-answer"
    assert device.shown == []


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize("written", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
async def test_an_interval_that_is_not_valid_json_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, written: bytes
) -> None:
    device = Device(fake_issuer, [])
    said = b'{"device_code":"c","user_code":"u","verification_uri":"https://issuer.example/e"'
    device.answers_with(said + b',"expires_in":60,"interval":' + written + b"}")

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == "answer-not-json"


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize(
    ("interval", "slept"), [(4, [4.0, 4.0, 2.0]), (10, [10.0]), (300, [10.0]), (7, [7.0, 3.0])]
)
async def test_polling_stops_when_the_device_code_expires(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, interval: int, slept: list[float]
) -> None:
    device = Device(fake_issuer, [PENDING] * 10, interval=interval, expires_in=10)
    device.clock = clock

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == "timed-out"
    assert device.slept == slept
    assert len(fake_issuer.forms(f"{ISSUER}/token")) == len(slept) - 1


async def test_a_clock_that_is_set_back_does_not_extend_polling(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    device = Device(fake_issuer, [PENDING] * 100, expires_in=10)

    async def set_back(seconds: float) -> None:
        await device.sleep(seconds)
        clock.now -= 3600

    async with open_client(**{**device.options(), "sleep": set_back}) as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "timed-out"
    assert device.slept == [5.0]


@proves("S229", "accepts", "device flow limits")
@pytest.mark.parametrize("code", ["WDJB-MJHT", "ABC-DEF-GHI", "a1b2c3", "123456789", "A" * 32])
async def test_a_typeable_user_code_is_shown(
    open_client: Open, fake_issuer: FakeIssuer, code: str
) -> None:
    device = Device(fake_issuer, [], user_code=code)

    async with open_client(**device.options()) as connection:
        await connection.log_in()

    assert [shown.user_code for shown in device.shown] == [code]


@proves("S229", "refuses", "device flow limits")
@pytest.mark.parametrize(
    "code",
    [
        *("A" * 65, "A" * 33, "ÄÖÜ", "A\u202eB", "А-Б", 1234, ["A"], " ", "", "A\n", "-A", "A-"),
        *("call 555-1234", "https://evil.example/", "evil.example"),
    ],
)
async def test_a_user_code_that_cannot_be_typed_is_not_shown(
    open_client: Open, fake_issuer: FakeIssuer, code: Any
) -> None:
    device = Device(fake_issuer, [], user_code=code)

    refusal = await refusal_of(open_client, device)

    assert refusal.reason == "malformed-device-answer"
    assert device.shown == []
