"""What the client asks an authorization server for, and which answers it takes."""

from collections.abc import Mapping
from typing import Any

import pytest

from doorward.client import (
    AuthorizationRequest,
    DiscoveryFailed,
    SignInFailed,
    validate_authorization_response,
)
from doorward.wire.oauth.pkce import challenge_of
from doorward.wire.oauth.server_metadata import parse
from tests.clauses.scripted_servers import (
    CODE,
    ISSUER,
    RESOURCE_METADATA,
    SERVER,
    SERVER_METADATA,
    ScriptedServers,
    resource_document,
    server_document,
)
from tests.ledger import proves


def attempt_at(**document: Any) -> AuthorizationRequest:
    return AuthorizationRequest(
        server=parse(server_document(**document), ISSUER),
        client_id="client",
        redirect_uri="http://127.0.0.1:1/callback",
        resource=SERVER,
        scopes=frozenset(),
    )


def answer_to(attempt: AuthorizationRequest, **changed: str | None) -> dict[str, str]:
    answer = {"code": CODE, "state": attempt.state, "iss": ISSUER, **changed}
    return {name: value for name, value in answer.items() if value is not None}


@proves("auth-client-resource-indicators", "accepts")
@proves("auth-resource-both-requests", "accepts")
@proves("auth-resource-names-server", "accepts")
@proves("auth-resource-canonical", "accepts")
@proves("auth-resource-most-specific", "accepts")
@proves("auth-resource-always", "accepts")
@proves("sec-resource-sent", "accepts")
@proves("sec-client-resource", "accepts")
async def test_both_requests_name_the_resource_though_nobody_announced_to_read_it(
    servers: ScriptedServers,
) -> None:
    await servers.call()

    assert servers.visits[0]["resource"] == SERVER
    assert servers.forms()[0]["resource"] == SERVER


@proves("auth-client-resource-indicators", "refuses")
@proves("auth-resource-both-requests", "refuses")
@proves("auth-resource-always", "refuses")
@proves("sec-resource-sent", "refuses")
@proves("sec-client-resource", "refuses")
async def test_without_a_resource_to_name_neither_request_is_sent(servers: ScriptedServers) -> None:
    servers.documents[RESOURCE_METADATA] = {"authorization_servers": [ISSUER]}

    with pytest.raises(DiscoveryFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "not-metadata"
    assert not servers.visits
    assert not servers.forms()


@proves("sec-client-pkce", "accepts")
@proves("sec-client-s256", "accepts")
async def test_the_verifier_in_the_token_request_is_that_of_the_challenge(
    servers: ScriptedServers,
) -> None:
    await servers.call()

    asked, form = servers.visits[0], servers.forms()[0]
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] == challenge_of(form["code_verifier"])
    assert form["code_verifier"] not in str(asked)


@proves("sec-client-state", "accepts")
async def test_an_answer_with_the_state_of_the_attempt_is_taken(servers: ScriptedServers) -> None:
    await servers.call()

    assert servers.forms()[0]["code"] == CODE


@proves("sec-client-state", "refuses")
@pytest.mark.parametrize("state", [None, "", "another", "0" * 43])
def test_an_answer_without_the_state_of_the_attempt_is_discarded(state: str | None) -> None:
    attempt = attempt_at()

    with pytest.raises(SignInFailed) as refusal:
        validate_authorization_response(attempt, answer_to(attempt, state=state))

    assert refusal.value.reason == "state-mismatch"


@proves("auth-client-records-issuer", "accepts")
@proves("auth-client-validates-iss", "accepts")
@proves("auth-client-iss-unnormalised", "accepts")
@pytest.mark.parametrize(
    ("announced", "iss"),
    [
        pytest.param(True, ISSUER, id="announced-and-sent"),
        pytest.param(False, ISSUER, id="sent-unannounced"),
        pytest.param(False, None, id="neither"),
        pytest.param(None, None, id="never-heard-of-it"),
    ],
)
def test_three_of_the_four_rows_about_iss_let_an_honest_answer_in(
    announced: bool | None, iss: str | None
) -> None:
    attempt = attempt_at(authorization_response_iss_parameter_supported=announced)

    assert validate_authorization_response(attempt, answer_to(attempt, iss=iss)) == CODE


@proves("auth-client-records-issuer", "refuses")
@proves("auth-client-validates-iss", "refuses")
@proves("auth-client-iss-unnormalised", "refuses")
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    "iss",
    [
        pytest.param("https://attacker.example", id="somebody-else"),
        pytest.param("https://AS.example", id="a-capital"),
        pytest.param("HTTPS://as.example", id="a-capital-scheme"),
        pytest.param("https://as.example:443", id="the-default-port"),
        pytest.param("https://as.example/", id="a-slash"),
        pytest.param("https://%61s.example", id="percent-encoded"),
        pytest.param("", id="empty"),
    ],
)
def test_an_answer_of_another_issuer_is_refused_announced_or_not(announced: bool, iss: str) -> None:
    attempt = attempt_at(authorization_response_iss_parameter_supported=announced)

    with pytest.raises(SignInFailed) as refusal:
        validate_authorization_response(attempt, answer_to(attempt, iss=iss))

    assert refusal.value.reason == "issuer-mismatch"


@proves("auth-client-validates-iss", "refuses")
async def test_a_promised_iss_that_is_missing_keeps_the_code_from_every_token_endpoint(
    servers: ScriptedServers,
) -> None:
    servers.comes_back = lambda asked: {"code": CODE, "state": asked["state"]}

    with pytest.raises(SignInFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "issuer-missing"
    assert not servers.forms()


@proves("auth-client-iss-errors-hidden", "accepts")
def test_an_error_of_the_right_issuer_is_told() -> None:
    attempt = attempt_at()

    with pytest.raises(SignInFailed) as refusal:
        validate_authorization_response(
            attempt, answer_to(attempt, code=None, error="access_denied")
        )

    assert refusal.value.reason == "access-denied"


@proves("auth-client-iss-errors-hidden", "refuses")
@pytest.mark.parametrize("iss", ["https://attacker.example", None])
def test_an_error_of_the_wrong_issuer_is_neither_acted_on_nor_shown(iss: str | None) -> None:
    attempt = attempt_at()
    said = {
        "error": "access_denied",
        "error_description": "call 555-0100",
        "error_uri": "https://attacker.example/help",
    }

    with pytest.raises(SignInFailed) as refusal:
        validate_authorization_response(attempt, answer_to(attempt, code=None, iss=iss, **said))

    assert refusal.value.reason in ("issuer-mismatch", "issuer-missing")
    assert not any(text in str(refusal.value) for text in said.values())


SUPPORTED = ["read", "write", "admin"]


@proves("auth-client-scope-order", "accepts")
@proves("auth-client-least-privilege", "accepts")
@pytest.mark.parametrize(
    ("challenged", "supported", "asked"),
    [
        pytest.param("read", SUPPORTED, {"read"}, id="the-challenge-first"),
        pytest.param(None, SUPPORTED, set(SUPPORTED), id="then-what-is-supported"),
        pytest.param(None, None, None, id="then-nothing"),
    ],
)
async def test_scopes_come_from_the_challenge_then_from_the_metadata_then_from_nowhere(
    servers: ScriptedServers,
    challenged: str | None,
    supported: list[str] | None,
    asked: set[str] | None,
) -> None:
    document = resource_document() | ({"scopes_supported": supported} if supported else {})
    servers.documents[RESOURCE_METADATA] = document
    servers.challenge += f', scope="{challenged}"' if challenged else ""

    await servers.call()

    scope = servers.visits[0].get("scope")
    assert (set(scope.split()) if scope is not None else None) == asked


@proves("auth-client-scope-order", "refuses")
@proves("auth-client-least-privilege", "refuses")
async def test_what_is_supported_is_not_asked_for_beside_a_challenge(
    servers: ScriptedServers,
) -> None:
    servers.documents[RESOURCE_METADATA] = resource_document(scopes_supported=SUPPORTED)
    servers.challenge += ', scope="read"'

    await servers.call()

    assert servers.visits[0]["scope"] == "read"


@proves("auth-client-challenge-authoritative", "accepts")
@proves("auth-client-no-set-relation", "accepts")
async def test_a_challenged_scope_that_no_metadata_lists_is_asked_for(
    servers: ScriptedServers,
) -> None:
    servers.documents[RESOURCE_METADATA] = resource_document(scopes_supported=["read"])
    servers.challenge += ', scope="files:write"'

    await servers.call()

    assert servers.visits[0]["scope"] == "files:write"


@proves("auth-client-challenge-authoritative", "refuses")
@proves("auth-client-no-set-relation", "refuses")
@pytest.mark.parametrize("supported", [["read", "files:write"], ["read"], []])
async def test_metadata_neither_adds_to_a_challenge_nor_takes_from_it(
    servers: ScriptedServers, supported: list[str]
) -> None:
    servers.documents[RESOURCE_METADATA] = resource_document(scopes_supported=supported)
    servers.challenge += ', scope="files:write files:list"'

    await servers.call()

    assert set(servers.visits[0]["scope"].split()) == {"files:write", "files:list"}


@proves("auth-refresh-offline", "accepts")
async def test_offline_access_is_asked_for_where_the_issuer_lists_it(
    servers: ScriptedServers,
) -> None:
    servers.documents[SERVER_METADATA] = server_document(scopes_supported=["offline_access"])
    servers.challenge += ', scope="read"'

    await servers.call()

    assert set(servers.visits[0]["scope"].split()) == {"read", "offline_access"}


@proves("auth-refresh-offline", "refuses")
@pytest.mark.parametrize("listed", [None, [], ["read"]])
async def test_offline_access_is_not_asked_for_where_the_issuer_does_not_list_it(
    servers: ScriptedServers, listed: list[str] | None
) -> None:
    servers.documents[SERVER_METADATA] = server_document(scopes_supported=listed)
    servers.documents[RESOURCE_METADATA] = resource_document(scopes_supported=["read"])

    await servers.call()

    assert servers.visits[0]["scope"] == "read"


async def _stepped_up(
    servers: ScriptedServers, needs: set[str]
) -> tuple[int, list[Mapping[str, str]]]:
    servers.challenge += ', scope="read"'
    await servers.call()
    servers.needs = frozenset(needs)
    response = await servers.call()
    return response.status_code, [*servers.visits]


@proves("auth-client-scope-union", "accepts")
@proves("auth-step-up", "accepts")
@proves("auth-step-up-user", "accepts")
@proves("auth-step-up-retry-limit", "accepts")
@proves("auth-step-up-tracked", "accepts")
async def test_a_call_that_needs_more_scopes_is_repeated_with_the_union_of_both(
    servers: ScriptedServers,
) -> None:
    status, visits = await _stepped_up(servers, {"write"})

    assert status == 200
    assert [set(visit["scope"].split()) for visit in visits] == [{"read"}, {"read", "write"}]


@proves("auth-client-scope-union", "refuses")
@proves("auth-step-up", "refuses")
@proves("auth-step-up-user", "refuses")
@proves("auth-step-up-retry-limit", "refuses")
@proves("auth-step-up-tracked", "refuses")
async def test_a_scope_that_is_asked_for_and_not_granted_is_not_asked_for_in_a_circle(
    servers: ScriptedServers,
) -> None:
    servers.grantable = frozenset({"read"})

    status, visits = await _stepped_up(servers, {"admin"})

    assert status == 403
    assert [set(visit["scope"].split()) for visit in visits] == [{"read"}, {"read", "admin"}]
