"""``Guard(idp="keycloak")`` in front of a server, against a real Keycloak: also when that fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from doorward.net import Fetcher, FetchResponse
from tests.keycloak.guarded import Guarded, guarded
from tests.keycloak.load import Load
from tests.keycloak.reading import header_of
from tests.keycloak.running import RunningKeycloak
from tests.tokens.signer import Signer

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]


@pytest.fixture
async def served(running_keycloak: RunningKeycloak) -> AsyncIterator[Guarded]:
    """Protect a server with the running Keycloak."""
    async with guarded(running_keycloak.issuer) as server:
        yield server


class Fetches(Counter[str]):
    """How often each document was fetched, by the last part of its path."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = 0

    async def all_end(self) -> None:
        """Return when no fetch is in flight."""
        while self.in_flight:
            await asyncio.sleep(0.01)


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> Fetches:
    """Count what is fetched."""
    counted = Fetches()
    real = Fetcher.fetch

    async def fetch(self: Fetcher, url: str, **more: object) -> FetchResponse:
        counted[url.rpartition("/")[2]] += 1
        counted.in_flight += 1
        try:
            return await real(self, url, **more)  # type: ignore[arg-type]
        finally:
            counted.in_flight -= 1

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    return counted


async def test_an_honest_user_is_served_and_known(
    running_keycloak: RunningKeycloak, served: Guarded
) -> None:
    token = running_keycloak.token("mcp-admin")

    assert (await served.call(token)).content_text == "mcp-test-client admin"
    assert (await served.call(token, "echo", text="hello")).content_text == "hello"
    assert (await served.greet(token)).status == 200


async def test_a_service_is_served_as_one(
    running_keycloak: RunningKeycloak, served: Guarded
) -> None:
    token = running_keycloak.service_grant()["access_token"]

    assert (await served.call(token)).content_text == "mcp-service service"


@pytest.mark.parametrize(("username", "missing"), [("mcp-readonly", "mcp:tools")])
async def test_a_user_without_a_scope_is_told_which_one_is_needed(
    running_keycloak: RunningKeycloak, served: Guarded, username: str, missing: str
) -> None:
    token = running_keycloak.token(username)
    answer = await served.call(token, "echo", text="hello")

    assert answer.status == 403
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="mcp:read {missing}"' in challenge
    # The same user is served where the scope is not needed.
    assert (await served.call(token)).content_text == "mcp-test-client guest"


async def test_a_user_without_the_prompts_scope_may_use_tools_alone(
    running_keycloak: RunningKeycloak, served: Guarded
) -> None:
    token = running_keycloak.token("mcp-user")

    assert (await served.call(token, "echo", text="hello")).content_text == "hello"
    refused = await served.greet(token)
    assert refused.status == 403
    assert "mcp:prompts" in refused.headers["www-authenticate"]


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
async def test_another_token_of_the_same_sign_in_opens_nothing(
    running_keycloak: RunningKeycloak, served: Guarded, kind: str
) -> None:
    answer = running_keycloak.password_grant("mcp-admin", "admin123")

    refused = await served.call(answer[kind])
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_a_token_exchanged_for_another_server_opens_nothing(
    running_keycloak: RunningKeycloak, served: Guarded
) -> None:
    exchanged = running_keycloak.grant(
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        client_id="mcp-server", client_secret="mcp-server-secret", audience="downstream-api",
        subject_token=running_keycloak.token("mcp-user"),
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )["access_token"]  # fmt: skip

    assert (await served.call(exchanged)).status == 401


async def test_keys_rotated_under_load_lose_no_request(
    running_keycloak: RunningKeycloak, served: Guarded, fetches: Fetches
) -> None:
    tokens = [running_keycloak.token("mcp-user") for _ in range(4)]
    load = Load(served, lambda: tokens)
    async with load:
        await load.reaches(100)
        for _ in range(2):
            kid = await asyncio.to_thread(running_keycloak.rotate_keys)
            fresh = await asyncio.to_thread(running_keycloak.token, "mcp-user")
            assert kid == header_of(fresh)["kid"]
            # Old and new ones from now on, by many at once.
            tokens.append(fresh)
            await load.answers(fresh, 40)

    assert load.statuses.keys() == {200}
    # Once at the start, once for each new key.
    assert fetches["certs"] == 3


async def test_a_keycloak_that_stops_in_the_middle_is_not_missed_by_whoever_is_known(
    running_keycloak: RunningKeycloak, served: Guarded, fetches: Fetches
) -> None:
    known, unused = (running_keycloak.token("mcp-user") for _ in range(2))
    invented = Signer("RS256", "rotated-in-while-away").token({"iss": running_keycloak.issuer})
    try:
        async with Load(served, lambda: [known]) as load:
            await load.reaches(50)
            await asyncio.to_thread(running_keycloak.stop)
            await load.reaches(load.count + 50)
            # Past the time for which the keys are believed: they stand in, for an hour.
            served.clock.ahead = 61
            assert (await served.call(unused)).status == 200
            await load.reaches(load.count + 50)
            away = await served.call(invented.decode())
            assert (away.status, away.headers.get("www-authenticate")) == (503, None)
            before = fetches["certs"]
            await asyncio.to_thread(running_keycloak.start_again)
            await load.reaches(load.count + 50)
    finally:
        await asyncio.to_thread(running_keycloak.ensure_started)
    # Keycloak accepts connections before it answers: a fetch of that time may wait its five
    # seconds in vain, and whoever joins it gets a 503.
    await fetches.all_end()
    # A new token of the same keys is served at once, and so is one of a new key.
    served.clock.ahead += 6
    assert (await served.call(running_keycloak.token("mcp-user"))).status == 200
    running_keycloak.rotate_keys()
    assert (await served.call(running_keycloak.token("mcp-user"))).status == 200
    refused = await served.call(invented.decode())

    assert refused.status == 401
    assert load.statuses.keys() == {200}
    assert fetches["certs"] <= before + 4
