"""Redirect URIs with a reserved response parameter are refused everywhere."""

import pytest
from sqlalchemy import select, update

from doorward.authserver.clients.registered_ids import claimed_registration
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.resource import Resource
from doorward.authserver.store.schema import clients
from doorward.errors import ConfigurationError
from doorward.wire.oauth.redirect_uri import is_acceptable
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import PASSWORD, RESOURCE, AuthServerHarness
from tests.ledger import proves

HONEST = "https://app.example/cb?tenant=%69ss&next=a%26iss%3Dx&isss=1&error-page=x&v.1=2"
RESERVED = [
    f"https://app.example/cb?{query}"
    for query in (
        "iss=https://evil.example",
        "%69ss=https://evil.example",
        "tenant=1&i%73%73=https://evil.example",
        "%2569ss=https://evil.example",
        "ISS=https://evil.example",
        "iss",
        "tenant=1;iss=https://evil.example",
        "iss[]=https://evil.example",
        "iss%5B0%5D=https://evil.example",
        "+iss=https://evil.example",
        "%20iss=https://evil.example",
        "code=1",
        "st%61te=1",
        "error=access_denied",
        "error%5Fdescription=x",
        "error.description=x",
        "error-uri=x",
        "response=jwt",
        "%72esponse=jwt",
        "id_token=x",
        "access_token=x",
    )
]


@proves("S188", "accepts", "reserved redirect parameters")
async def test_a_query_of_the_applications_own_is_kept(harness: AuthServerHarness) -> None:
    client = await harness.register(redirect_uris=[HONEST])

    url = harness.authorize_url(client["client_id"], redirect_uri=HONEST)
    response = await harness.browser().go_through(url, "alice", PASSWORD)

    location = response.headers["location"]
    assert location.startswith(HONEST + "&code=")
    assert answer_in(location)["iss"] == harness.issuer


@proves("S188", "refuses", "reserved redirect parameters")
@pytest.mark.parametrize("uri", RESERVED)
def test_a_reserved_parameter_is_refused_in_every_spelling(uri: str) -> None:
    assert not is_acceptable(uri)
    assert not is_acceptable(uri.replace("https://app.example", "http://127.0.0.1:1"))
    assert not is_acceptable(uri.replace("https://app.example", "com.example.app:"))


@proves("S188", "refuses", "reserved redirect parameters")
@pytest.mark.parametrize("uri", RESERVED[:4])
async def test_a_redirect_uri_with_a_reserved_parameter_is_not_registered(
    harness: AuthServerHarness, uri: str
) -> None:
    response = await harness.http.post("/register", json={"redirect_uris": [uri]})

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_redirect_uri"


@proves("S188", "refuses", "reserved redirect parameters")
@pytest.mark.parametrize("uri", RESERVED[:4])
async def test_a_client_document_with_a_reserved_parameter_is_not_used(
    start_authserver: StartAuthServer, uri: str
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put(redirect_uris=[uri])
    harness = await start_authserver(fetcher=fetcher)

    response = await harness.http.get(harness.authorize_url(URL, redirect_uri=uri))

    assert response.status_code == 400
    assert "location" not in response.headers


@proves("S188", "refuses", "reserved redirect parameters")
@pytest.mark.parametrize("named", [True, False], ids=["named", "left-out"])
@pytest.mark.parametrize("uri", RESERVED[:4])
async def test_a_stored_redirect_uri_with_a_reserved_parameter_gets_no_response(
    harness: AuthServerHarness, uri: str, named: bool
) -> None:
    client_id = (await harness.register())["client_id"]
    async with harness.server.services.store.engine.begin() as connection:
        same = clients.c.client_id == claimed_registration(client_id)
        document = (await connection.execute(select(clients.c.document).where(same))).scalar_one()
        document = {**document, "redirect_uris": [uri]}
        await connection.execute(update(clients).where(same).values(document=document))

    url = harness.authorize_url(
        client_id, redirect_uri=uri, without="" if named else "redirect_uri", prompt="none"
    )
    response = await harness.http.get(url)

    assert response.status_code == 400
    assert "location" not in response.headers


@proves("S188", "refuses", "reserved redirect parameters")
@pytest.mark.parametrize("uri", [*RESERVED[:4], "javascript:alert(1)"])
def test_a_reserved_parameter_cannot_be_configured(uri: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        AuthServerSettings(
            issuer="https://auth.example",
            resources=(Resource(uri=RESOURCE, scopes={}),),
            clients=(ConfiguredClient(client_id="desk", redirect_uris=(uri,)),),
        )

    assert refusal.value.reason == "not-a-redirect-uri"
