"""Error responses of the issuer, and what of them reaches the caller."""

import base64
import json
from typing import Any

import pytest

from doorward.downstream import (
    AnswerRefused,
    DownstreamProblem,
    DownstreamRefused,
    DownstreamUnavailable,
    GrantRefused,
    NotGranted,
    ServerNotKnown,
    SignInNeeded,
)
from tests.downstream.conftest import Clock
from tests.downstream.issuer import Issuer
from tests.downstream.one_grant import INBOUND, SECRET, downstream_of, exchange, get


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, GrantRefused),
        (401, {"error": "invalid_client"}, ServerNotKnown),
        (401, {"error": "unauthorized_client"}, ServerNotKnown),
        (400, {"error": "invalid_client"}, ServerNotKnown),
        (400, {"error": "invalid_scope"}, NotGranted),
        (400, {"error": "invalid_target"}, NotGranted),
        (403, {"error": "access_denied"}, NotGranted),
        (400, {"error": "unauthorized_client"}, NotGranted),
        (400, {"error": "unsupported_grant_type"}, NotGranted),
        (400, {"error": "interaction_required"}, SignInNeeded),
        (400, {"error": "login_required"}, SignInNeeded),
        (400, {"error": "invalid_grant", "suberror": "consent_required"}, SignInNeeded),
        (400, {"error": "something_new"}, DownstreamRefused),
        (400, {"error": ["not", "a", "word"]}, DownstreamRefused),
        (400, {}, DownstreamRefused),
        (302, {}, DownstreamRefused),
        (400, b"<html>", AnswerRefused),
        (200, b"<html>", AnswerRefused),
        (200, {"token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "a\r\nX-Header: b", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "a, Basic eDp5", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "a b", "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": 'a"b', "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "a" * 65536, "token_type": "Bearer"}, AnswerRefused),
        (200, {"access_token": "x"}, AnswerRefused),
        (200, {"access_token": "x", "token_type": "DPoP"}, AnswerRefused),
        (
            200,
            {
                "access_token": "x",
                "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
            },
            AnswerRefused,
        ),
    ],
)
async def test_every_error_response_has_its_own_exception(
    issuer: Issuer, clock: Clock, status: int, body: Any, kind: type[DownstreamProblem]
) -> None:
    issuer.answer = lambda _: (status, body)

    with pytest.raises(DownstreamProblem) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert type(refusal.value) is kind
    assert INBOUND not in str(refusal.value)
    assert SECRET not in str(refusal.value)


async def test_the_error_description_of_an_issuer_is_not_repeated(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.answer = lambda form: (
        400,
        {"error": "invalid_grant", "error_description": f"bad {form['subject_token']}"},
    )

    with pytest.raises(GrantRefused) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert INBOUND not in str(refusal.value) + refusal.value.detail + refusal.value.public


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_server_error_of_the_issuer_is_a_503_with_retry_after(
    issuer: Issuer, clock: Clock, status: int
) -> None:
    issuer.answer = lambda _: (status, {"error": "invalid_grant"})
    issuer.headers = {"retry-after": "17"}

    with pytest.raises(DownstreamUnavailable) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert (refusal.value.status, refusal.value.retry_after) == (503, 17)


async def test_an_unreachable_issuer_is_reported_as_unavailable(
    issuer: Issuer, clock: Clock
) -> None:
    grant = exchange(issuer, token_endpoint="http://localhost:1/token")

    with pytest.raises(DownstreamUnavailable):
        await get(downstream_of(issuer, clock, grant=grant), issuer)


async def test_a_claims_challenge_is_passed_on_as_a_header(issuer: Issuer, clock: Clock) -> None:
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    issuer.answer = lambda _: (400, {"error": "interaction_required", "claims": claims})

    with pytest.raises(SignInNeeded) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert refusal.value.claims == claims
    challenge = refusal.value.challenge
    assert challenge is not None
    encoded = challenge.partition('claims="')[2].rstrip('"')
    assert json.loads(base64.b64decode(encoded)) == json.loads(claims)


@pytest.mark.parametrize("claims", ["not json", "[1]", "", '{"a":"' + "x" * 5000 + '"}', 7])
async def test_a_malformed_claims_challenge_is_not_passed_on(
    issuer: Issuer, clock: Clock, claims: object
) -> None:
    issuer.answer = lambda _: (400, {"error": "interaction_required", "claims": claims})

    with pytest.raises(SignInNeeded) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert (refusal.value.claims, refusal.value.challenge) == (None, None)
