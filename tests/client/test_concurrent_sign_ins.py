"""Two concurrent sign-ins to two servers do not disturb each other."""

import asyncio
from pathlib import Path

import pytest

from doorward.client import (
    AuthorizationRequest,
    FileStore,
    SignInFailed,
    TokenStore,
    open_connection,
    validate_authorization_response,
)
from doorward.wire.oauth.server_metadata import ServerMetadata
from tests.client.fake_issuer import SERVER, FakeIssuer
from tests.ledger import proves


def attempt_at(issuer: str) -> AuthorizationRequest:
    return AuthorizationRequest(
        server=ServerMetadata(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize",
            token_endpoint=f"{issuer}/token",
        ),
        client_id="c",
        redirect_uri="http://127.0.0.1:1/callback",
        resource=SERVER,
        scopes=frozenset(),
    )


@proves("S176", "accepts", "parallel flows")
async def test_concurrent_sign_ins_use_distinct_states_and_challenges(tmp_path: Path) -> None:
    fake_issuers = FakeIssuer(), FakeIssuer()

    async def sign_in(fake_issuer: FakeIssuer, name: str) -> str:
        token_store = TokenStore(FileStore(tmp_path / name))
        async with open_connection(
            SERVER,
            token_store=token_store,
            transport=fake_issuer.transport,
            browser=fake_issuer.browser,
            timeout=5.0,
        ) as connection:
            await connection.log_in()
            return (await connection.client.call_tool("add", {"a": 1, "b": 1})).text

    assert await asyncio.gather(*(sign_in(each, str(id(each))) for each in fake_issuers)) == [
        "2",
        "2",
    ]
    states = [fake_issuer.authorizations[0]["state"] for fake_issuer in fake_issuers]
    challenges = [fake_issuer.authorizations[0]["code_challenge"] for fake_issuer in fake_issuers]
    assert len({*states, *challenges}) == 4


@proves("S176", "refuses", "parallel flows")
def test_the_response_to_one_authorization_request_is_refused_for_another() -> None:
    honest, other = attempt_at("https://honest.example"), attempt_at("https://other.example")

    with pytest.raises(SignInFailed) as wrong_state:
        validate_authorization_response(
            other, {"state": honest.state, "code": "c", "iss": "https://honest.example"}
        )
    with pytest.raises(SignInFailed) as wrong_issuer:
        validate_authorization_response(
            other, {"state": other.state, "code": "c", "iss": "https://honest.example"}
        )

    assert wrong_state.value.reason == "state-mismatch"
    assert wrong_issuer.value.reason == "issuer-mismatch"
    assert validate_authorization_response(honest, {"state": honest.state, "code": "c"}) == "c"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "invalid_scope"}, "invalid-scope"),
        ({"error": "<script>"}, "authorization-error"),
        ({}, "no-code"),
        ({"code": ""}, "no-code"),
    ],
)
def test_a_response_without_a_code_is_refused_with_its_reason(
    answer: dict[str, str], reason: str
) -> None:
    attempt = attempt_at("https://honest.example")

    with pytest.raises(SignInFailed) as refusal:
        validate_authorization_response(attempt, {"state": attempt.state, **answer})

    assert refusal.value.reason == reason
    assert "<script>" not in str(refusal.value)
