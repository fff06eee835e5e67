"""How the client comes to be known, and to whom it shows what it got there."""

from pathlib import Path

import httpx2
import pytest

from doorward.client import (
    ClientConfig,
    FileStore,
    OAuth,
    SignInFailed,
    Tokens,
    TokenStore,
)
from doorward.client.oauth.registration import Registration
from doorward.errors import ConfigurationError
from tests.clauses.scripted_servers import (
    ISSUER,
    NOW,
    RESOURCE_METADATA,
    SERVER,
    SERVER_METADATA,
    ScriptedServers,
    resource_document,
    server_document,
)
from tests.ledger import proves

DOCUMENT = "https://client.example/oauth/client.json"
OTHER = "https://new-as.example"
OTHER_METADATA = f"{OTHER}/.well-known/oauth-authorization-server"


def tokens(**changed: object) -> Tokens:
    fields: dict[str, object] = {
        "issuer": ISSUER,
        "resource": SERVER,
        "client_id": "client",
        "access_token": "secret-access",
        "refresh_token": "secret-refresh",
    }
    return Tokens(**{**fields, **changed})  # type: ignore[arg-type]


def move_to_another_issuer(servers: ScriptedServers) -> None:
    servers.documents[RESOURCE_METADATA] = resource_document(authorization_servers=[OTHER])
    servers.documents[OTHER_METADATA] = server_document(OTHER)
    servers.granted.clear()
    servers.comes_back = lambda asked: {"code": "c", "state": asked["state"], "iss": OTHER}


@proves("reg-order", "accepts")
@proves("reg-client-falls-back", "accepts")
@proves("reg-pre-registered", "accepts")
@proves("auth-client-id-first", "accepts")
@pytest.mark.parametrize(
    ("client_config", "reads_documents", "client_id"),
    [
        pytest.param(ClientConfig(client_id="given", document=DOCUMENT), True, "given", id="given"),
        pytest.param(ClientConfig(document=DOCUMENT), True, DOCUMENT, id="then-document"),
        pytest.param(ClientConfig(document=DOCUMENT), False, "client-1", id="then-registration"),
        pytest.param(ClientConfig(), True, "client-1", id="nothing-else-to-use"),
    ],
)
async def test_the_client_id_is_the_given_one_then_the_document_then_a_registration(
    servers: ScriptedServers, client_config: ClientConfig, reads_documents: bool, client_id: str
) -> None:
    servers.client_config = client_config
    servers.documents[SERVER_METADATA] = server_document(
        client_id_metadata_document_supported=reads_documents
    )

    await servers.call()

    assert servers.visits[0]["client_id"] == client_id
    assert len(servers.registrations()) == (client_id == "client-1")


@proves("reg-order", "refuses")
@proves("reg-client-falls-back", "refuses")
@proves("auth-client-id-first", "refuses")
async def test_with_no_way_left_the_user_is_asked_and_no_browser_opens(
    servers: ScriptedServers,
) -> None:
    servers.client_config = ClientConfig(document=DOCUMENT)
    servers.documents[SERVER_METADATA] = server_document(registration_endpoint=None)

    with pytest.raises(SignInFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "no-registration"
    assert not servers.visits


@proves("reg-client-checks-capability", "accepts")
async def test_the_document_is_used_where_the_server_says_that_it_reads_them(
    servers: ScriptedServers,
) -> None:
    servers.client_config = ClientConfig(document=DOCUMENT)
    servers.documents[SERVER_METADATA] = server_document(client_id_metadata_document_supported=True)

    await servers.call()

    assert servers.visits[0]["client_id"] == DOCUMENT


@proves("reg-client-checks-capability", "refuses")
@pytest.mark.parametrize("said", [None, False])
async def test_the_document_is_not_used_where_the_server_does_not_say_so(
    servers: ScriptedServers, said: bool | None
) -> None:
    servers.client_config = ClientConfig(document=DOCUMENT)
    servers.documents[SERVER_METADATA] = server_document(client_id_metadata_document_supported=said)

    await servers.call()

    assert servers.visits[0]["client_id"] != DOCUMENT


@proves("reg-application-type", "accepts")
@proves("reg-native", "accepts")
@proves("auth-refresh-grant-type", "accepts")
@proves("sec-client-redirects-registered", "accepts")
async def test_the_registration_is_a_native_one_with_refresh_and_the_redirect_uri_used(
    servers: ScriptedServers,
) -> None:
    await servers.call()

    wish = servers.registrations()[0]
    assert wish["application_type"] == "native"
    assert "refresh_token" in wish["grant_types"]
    assert wish["redirect_uris"] == [servers.visits[0]["redirect_uri"]]


@proves("reg-failure-handled", "accepts")
@proves("reg-failure-shown", "accepts")
async def test_a_registration_that_is_accepted_is_remembered(servers: ScriptedServers) -> None:
    await servers.call()

    kept = servers.token_store.registration_for(ISSUER)
    assert kept is not None
    assert kept.client_id == "client-1"


@proves("reg-failure-handled", "refuses")
@proves("reg-failure-shown", "refuses")
@proves("sec-client-redirects-registered", "refuses")
@proves("reg-application-type", "refuses")
@proves("reg-native", "refuses")
async def test_a_registration_that_is_refused_says_why_and_opens_no_browser(
    servers: ScriptedServers,
) -> None:
    servers.registration_status = 400

    with pytest.raises(SignInFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "registration-refused"
    assert "invalid_redirect_uri" in str(refusal.value)
    assert not servers.visits
    assert servers.token_store.registration_for(ISSUER) is None


@proves("disc-client-state-per-issuer", "accepts")
@proves("disc-client-no-shared-credentials", "accepts")
@proves("reg-bound-to-issuer", "accepts")
@proves("reg-registers-again", "accepts")
@proves("reg-not-reused", "accepts")
async def test_the_registration_at_an_issuer_is_used_again_there(servers: ScriptedServers) -> None:
    await servers.call()
    servers.granted.clear()

    await servers.call()

    assert [visit["client_id"] for visit in servers.visits] == ["client-1", "client-1"]
    assert len(servers.registrations()) == 1


@proves("disc-client-state-per-issuer", "refuses")
@proves("disc-client-no-shared-credentials", "refuses")
@proves("reg-bound-to-issuer", "refuses")
@proves("reg-registers-again", "refuses")
@proves("reg-not-reused", "refuses")
@proves("auth-client-own-issuer-tokens", "refuses")
async def test_when_the_issuer_changes_nothing_of_the_old_one_goes_to_the_new(
    servers: ScriptedServers,
) -> None:
    await servers.call()
    move_to_another_issuer(servers)

    response = await servers.call()

    assert response.status_code == 200
    assert len(servers.registrations(f"{OTHER}/register")) == 1
    assert [visit["client_id"] for visit in servers.visits] == ["client-1", "client-2"]
    to_new = [one for one in servers.sent if str(one.url).startswith(OTHER)]
    assert not any(b"client-1" in one.content or "token-1" in str(one.headers) for one in to_new)
    kept = servers.token_store.tokens_for(SERVER)
    assert kept is not None
    assert kept.issuer == OTHER


@proves("reg-pre-registered", "refuses")
@proves("reg-mismatch-error", "refuses")
async def test_a_given_client_of_another_issuer_is_an_error_and_not_a_try(
    servers: ScriptedServers,
) -> None:
    servers.client_config = ClientConfig(client_id="given", client_secret="hush", issuer=ISSUER)
    move_to_another_issuer(servers)

    with pytest.raises(SignInFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "wrong-issuer"
    assert not any(b"hush" in one.content for one in servers.sent)
    assert not servers.visits


@proves("reg-mismatch-error", "accepts")
async def test_a_given_client_of_this_issuer_is_used(servers: ScriptedServers) -> None:
    servers.client_config = ClientConfig(client_id="given", issuer=ISSUER)

    await servers.call()

    assert servers.visits[0]["client_id"] == "given"


@proves("auth-token-header", "accepts")
@proves("auth-client-own-issuer-tokens", "accepts")
async def test_the_token_travels_in_the_header_of_every_call(servers: ScriptedServers) -> None:
    await servers.call()
    await servers.call()

    served = [one for one in servers.asked("POST", SERVER) if "authorization" in one.headers]
    assert [one.headers["authorization"] for one in served] == ["Bearer token-1"] * 2


@proves("auth-token-header", "refuses")
async def test_the_token_is_in_no_address_and_no_body_and_goes_to_no_neighbour(
    servers: ScriptedServers,
) -> None:
    await servers.call()
    auth = OAuth(SERVER, servers.sign_in())
    async with httpx2.AsyncClient(transport=servers.transport, auth=auth) as http:
        await http.get("https://mcp.example/mcp/../other")
        await http.get("https://other.example/mcp")

    for one in servers.sent:
        assert "token-1" not in str(one.url)
        assert b"token-1" not in one.content
    assert not any("authorization" in one.headers for one in servers.sent[-2:])


@proves("auth-refresh-not-assumed", "accepts")
async def test_a_sign_in_without_a_refresh_token_is_a_sign_in(servers: ScriptedServers) -> None:
    response = await servers.call()

    kept = servers.token_store.tokens_for(SERVER)
    assert response.status_code == 200
    assert kept is not None
    assert kept.refresh_token is None


@proves("auth-refresh-not-assumed", "refuses")
@proves("auth-refresh-grant-type", "refuses")
async def test_without_a_refresh_token_no_refresh_is_tried(servers: ScriptedServers) -> None:
    servers.token_store.save_tokens(SERVER, tokens(refresh_token=None, expires_at=NOW - 1))

    with pytest.raises(SignInFailed) as refusal:
        await servers.sign_in().refresh(SERVER, tokens(refresh_token=None))

    assert refusal.value.reason == "no-refresh-token"
    assert not servers.forms()


@proves("auth-refresh-confidential", "accepts")
def test_tokens_rest_in_a_file_for_this_user_alone(tmp_path: Path) -> None:
    TokenStore(FileStore(tmp_path / "own")).save_tokens(SERVER, tokens())

    assert TokenStore(FileStore(tmp_path / "own")).tokens_for(SERVER) == tokens()
    assert (tmp_path / "own").stat().st_mode & 0o077 == 0
    assert (tmp_path / "own" / "tokens.json").stat().st_mode & 0o077 == 0


@proves("auth-refresh-confidential", "refuses")
def test_tokens_that_others_can_read_are_not_used_and_are_never_shown(tmp_path: Path) -> None:
    token_store = TokenStore(FileStore(tmp_path / "own"))
    token_store.save_tokens(SERVER, tokens())
    (tmp_path / "own" / "tokens.json").chmod(0o644)

    with pytest.raises(ConfigurationError) as refusal:
        token_store.tokens_for(SERVER)

    assert refusal.value.reason == "exposed-store"
    assert "secret" not in repr(tokens())
    assert "hush" not in repr(
        Registration(issuer=ISSUER, client_id="c", kind="registered", client_secret="hush")
    )
