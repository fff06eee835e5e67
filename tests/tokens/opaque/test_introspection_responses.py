"""Introspection responses: which are accepted."""

from typing import Any

import pytest

from doorward.errors import (
    BoundToken,
    MissingClaim,
    OutsideLifetime,
    TokenRejected,
    WrongAudience,
    WrongType,
)
from doorward.tokens.refusals import InactiveToken, LookupUnavailable, WrongClient
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.stub_issuer import ISSUER, NOW, RESOURCE, TOKEN, active, lookup, opaque


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"iss": "https://other.example"}, TokenRejected, id="another-issuer"),
        pytest.param(
            {"aud": "https://mcp.example/mcp-admin"}, WrongAudience, id="ours-is-a-prefix"
        ),
        pytest.param({"aud": ["https://other.example"]}, WrongAudience, id="another-audience"),
        pytest.param({"aud": ...}, WrongAudience, id="no-audience"),
        pytest.param({"exp": NOW - 30}, OutsideLifetime, id="over"),
        pytest.param({"exp": str(int(NOW) + 600)}, OutsideLifetime, id="exp-in-quotes"),
        pytest.param({"exp": True}, OutsideLifetime, id="exp-true"),
        pytest.param({"exp": 10**400}, OutsideLifetime, id="exp-beyond-every-number"),
        pytest.param({"exp": 10**13}, OutsideLifetime, id="exp-in-milliseconds-or-worse"),
        pytest.param({"nbf": NOW + 60}, OutsideLifetime, id="not-yet"),
        pytest.param({"sub": ...}, MissingClaim, id="a-name-without-a-subject"),
        pytest.param({"sub": ""}, MissingClaim, id="empty-subject"),
        pytest.param({"sub": 7}, MissingClaim, id="subject-is-a-number"),
        pytest.param({"scope": 7}, MissingClaim, id="scope-is-a-number"),
        pytest.param({"token_type": "DPoP"}, BoundToken, id="bound-by-type"),
        pytest.param({"cnf": {"jkt": "x"}}, BoundToken, id="bound-by-cnf"),
        pytest.param({"cnf": {}}, BoundToken, id="bound-by-empty-cnf"),
        pytest.param({"token_type": "N_A"}, WrongType, id="another-type"),
        pytest.param({"token_type": 7}, WrongType, id="type-is-a-number"),
        pytest.param({"token_type": ...}, WrongType, id="untyped-as-refresh-tokens-are"),
        pytest.param({"token_use": "refresh_token"}, WrongType, id="refresh-token-by-use"),
        pytest.param({"token_use": "id"}, WrongType, id="id-token-by-use"),
        pytest.param({"token_use": ["access_token"]}, WrongType, id="use-is-a-list"),
        pytest.param({"token_use": {}}, WrongType, id="use-is-an-object"),
        pytest.param({"at_hash": "x"}, WrongType, id="id-token-by-claim"),
    ],
)
async def test_an_active_token_with_one_wrong_member_is_refused(
    changes: dict[str, Any], refusal: type[TokenRejected]
) -> None:
    verifier, _ = opaque_verifier(active(**changes))

    with pytest.raises(refusal) as raised:
        await verifier.verify(TOKEN)

    assert (raised.value.status, raised.value.wire_error) == (401, "invalid_token")
    assert verifier.recall(TOKEN) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ...},
        {"aud": ["https://other.example", RESOURCE]},
        {"token_type": "bearer"},
        {"token_type": "access_token"},
        {"token_type": ..., "token_use": "access_token"},
        {"client_id": ...},
        {"scope": ...},
        {"nbf": None, "cnf": None},
        {"exp": NOW + 40 * 86400},
    ],
)
async def test_variations_that_rfc_7662_allows_are_accepted(changes: dict[str, Any]) -> None:
    verifier, _ = opaque_verifier(active(**changes))

    assert (await verifier.verify(TOKEN)).key == (ISSUER, "alice")


async def test_insecure_untyped_accepts_untyped_responses_but_no_refresh_token() -> None:
    way = lookup(insecure_untyped=True)
    verifier, _ = opaque_verifier(active(token_type=...), issuer=opaque(lookup=way))
    refreshing, _ = opaque_verifier(
        active(token_type=..., token_use="refresh_token"), issuer=opaque(lookup=way)
    )

    assert (await verifier.verify(TOKEN)).subject == "alice"
    with pytest.raises(WrongType):
        await refreshing.verify(TOKEN)


async def test_an_inactive_token_is_refused_and_not_cached() -> None:
    verifier, stub = opaque_verifier({"active": False})

    for _ in range(2):
        with pytest.raises(InactiveToken) as refusal:
            await verifier.verify(TOKEN)
        assert refusal.value.code == "inactive-token"

    assert len(stub.requests) == 2


@pytest.mark.parametrize("said", ["true", "false", 1, None, {}, [True], ...])
async def test_active_must_be_a_json_boolean(said: Any) -> None:
    verifier, _ = opaque_verifier(active(active=said))

    with pytest.raises(LookupUnavailable) as refusal:
        await verifier.verify(TOKEN)

    assert refusal.value.status == 503


@pytest.mark.parametrize(
    ("client", "admitted"),
    [("client-1", True), ("client-2", True), ("client-3", False), (..., False)],
)
async def test_the_token_must_belong_to_a_configured_client(client: Any, admitted: bool) -> None:
    issuer = opaque(audience=(), client_ids=("client-1", "client-2"))
    verifier, _ = opaque_verifier(
        active(client_id=client, aud="https://idp.example"), issuer=issuer
    )
    if admitted:
        assert (await verifier.verify(TOKEN)).client_id == client
        return
    with pytest.raises(WrongClient) as refusal:
        await verifier.verify(TOKEN)
    assert refusal.value.code == "wrong-client"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({}, None), ({"aud": "x"}, WrongAudience), ({"client_id": "client-3"}, WrongClient)],
)
async def test_audience_and_client_must_both_match_where_both_are_configured(
    changes: dict[str, Any], refusal: type[TokenRejected] | None
) -> None:
    verifier, _ = opaque_verifier(active(**changes), issuer=opaque(client_ids=("client-1",)))
    if refusal is None:
        assert (await verifier.verify(TOKEN)).subject == "alice"
        return
    with pytest.raises(refusal):
        await verifier.verify(TOKEN)


@pytest.mark.parametrize(
    ("changes", "kind", "subject"),
    [
        ({"sub": "client-1"}, "service", "client-1"),
        ({"sub": ..., "username": ...}, "service", "client-1"),
        ({}, "person", "alice"),
    ],
)
async def test_a_token_without_a_person_has_its_client_as_subject(
    changes: dict[str, Any], kind: str, subject: str
) -> None:
    verifier, _ = opaque_verifier(active(**changes))

    caller = await verifier.verify(TOKEN)

    assert (caller.kind, caller.subject) == (kind, subject)


async def test_a_token_without_exp_expires_after_an_hour() -> None:
    verifier, _ = opaque_verifier(active(exp=...))

    assert (await verifier.verify(TOKEN)).expires_at == NOW + 3600


async def test_the_claims_do_not_contain_the_token() -> None:
    verifier, _ = opaque_verifier(active(token=TOKEN.decode()))

    caller = await verifier.verify(TOKEN)

    assert TOKEN not in caller.claims_json
    assert "active" not in caller.claims


async def test_a_token_with_exp_in_the_year_9999_is_accepted() -> None:
    verifier, _ = opaque_verifier(active(exp=253_402_300_799))

    assert (await verifier.verify(TOKEN)).expires_at == 253_402_300_799


async def test_a_claim_with_a_huge_number_is_accepted() -> None:
    verifier, _ = opaque_verifier(active(employee=10**30))

    caller = await verifier.verify(TOKEN)

    assert caller.claims["employee"] == 10**30
