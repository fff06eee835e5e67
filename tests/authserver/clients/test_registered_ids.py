"""Client IDs of registered clients: issued here or unknown, and apart from one another."""

import pytest

from doorward.authserver.clients.registered_ids import (
    RegisteredIds,
    claimed_registration,
    new_registration_id,
)
from tests.authserver.conftest import StartAuthServer
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE, is_consent, is_remembered
from tests.ledger import proves

SECRET = "a master secret that is long enough"


def test_an_issued_id_names_its_registration_and_has_a_secret_of_its_own() -> None:
    ids, registration = RegisteredIds(SECRET), new_registration_id()
    first, second = ids.issue(registration), ids.issue(registration)

    assert ids.registration(first) == ids.registration(second) == registration
    assert len({first, second, ids.secret(first), ids.secret(second)}) == 4
    assert RegisteredIds(SECRET).secret(first) == ids.secret(first)
    assert RegisteredIds(SECRET + "!").secret(first) != ids.secret(first)


@pytest.mark.parametrize(
    "change",
    [
        lambda issued: issued[:-1] + ("0" if issued[-1] != "0" else "1"),
        lambda issued: issued.replace(".", ".0"),
        lambda issued: issued.upper(),
        lambda issued: "dw-0000000000000000" + issued[issued.index(".") :],
        lambda issued: issued[: issued.index(".")],
        lambda issued: issued + " ",
        lambda issued: issued[:-1] + "é",
        lambda _: "",
        lambda _: ".",
        lambda _: "x" * 2048,
    ],
)
async def test_an_id_that_was_not_issued_is_unknown(
    harness: AuthServerHarness, change: object
) -> None:
    issued = (await harness.register())["client_id"]

    response = await harness.http.get(harness.authorize_url(change(issued)))  # type: ignore[operator]

    assert response.status_code == 400
    assert "location" not in response.headers


@proves("S56", "accepts", "client ids are no URLs")
async def test_equal_registrations_share_no_consent_and_no_secret(
    harness: AuthServerHarness,
) -> None:
    metadata = {"token_endpoint_auth_method": "client_secret_post"}
    first, second = await harness.register(**metadata), await harness.register(**metadata)
    browser = harness.browser()
    code = await harness.code(first["client_id"], browser=browser)

    page = await browser.open(
        harness.authorize_url(second["client_id"], code_challenge=OTHER_CHALLENGE)
    )
    fields = harness.code_fields(first["client_id"], code, client_secret=second["client_secret"])
    refused = await harness.token(fields)

    assert is_consent(page)
    assert not is_remembered(page)
    assert refused.response.status_code == 401
    fields |= {"client_secret": first["client_secret"]}
    assert (await harness.token(fields)).response.status_code == 200


@pytest.mark.parametrize("whole", [False, True], ids=["one-client", "whole-registration"])
async def test_removing_a_client_or_its_registration_removes_nothing_else(
    harness: AuthServerHarness, whole: bool
) -> None:
    first, second = await harness.register(), await harness.register()
    other = await harness.register(client_name="Another")
    tokens = {
        client["client_id"]: await harness.tokens(client["client_id"])
        for client in (first, second, other)
    }

    key = claimed_registration(second["client_id"]) if whole else second["client_id"]
    await harness.server.services.clients.remove(key or "")
    # The same metadata again is another registration: IDs of the removed one stay unknown.
    await harness.register()

    removed = [first, second] if whole else [second]
    for client in removed:
        refused = await harness.refresh(client["client_id"], tokens[client["client_id"]].refresh)
        assert refused.body["error"] == "invalid_client"
    for client in [other] if whole else [first, other]:
        kept = await harness.refresh(client["client_id"], tokens[client["client_id"]].refresh)
        assert kept.response.status_code == 200


@pytest.mark.parametrize("works", [True, False])
async def test_client_documents_are_advertised_exactly_when_they_work(
    start_authserver: StartAuthServer, works: bool
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    harness = await start_authserver(fetcher=fetcher, client_documents=works)

    for path in ("oauth-authorization-server", "openid-configuration"):
        metadata = (await harness.http.get(f"/.well-known/{path}")).json()
        assert metadata["client_id_metadata_document_supported"] is works
    response = await harness.browser().go_through(harness.authorize_url(URL), "alice", "x")
    assert (response.status_code == 200) is works
    assert bool(fetcher.asked) is works


async def test_removing_a_document_leaves_a_longer_address_alone(
    start_authserver: StartAuthServer,
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    harness = await start_authserver(fetcher=fetcher)
    tokens = await harness.tokens(URL)

    await harness.server.services.clients.remove(URL.removesuffix(".json"))

    assert (await harness.refresh(URL, tokens.refresh)).response.status_code == 200
