"""Challenges tell a client what to do, and reveal nothing else."""

import json
from typing import Any

import pytest

from doorward.errors import KeysUnavailable
from doorward.policy import Policy, Rule
from doorward.testing.mint import TokenMint
from doorward.tokens import Key, LocalKeys, TrustedIssuer, Verifier
from doorward.wire.oauth.challenge import parse_challenges
from tests.guard.bench import (
    ISSUER,
    METADATA,
    NOW,
    POLICY,
    RESOURCE,
    Bench,
    bearer,
    challenge,
    error,
    message,
    token,
    trusted,
)
from tests.ledger import proves


@proves("S121", "accepts", "401 without a token")
@proves("S123", "accepts", "garbage is not anonymous")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
async def test_a_valid_token_is_accepted_whatever_the_case_of_its_scheme(scheme: str) -> None:
    bench = Bench()
    good = token("mcp:read", "mcp:tools")

    answer = await bench.call(authorization=f"{scheme} {good}")

    assert answer.status_code == 200
    assert answer.text == "alice"


@proves("S121", "refuses", "401 without a token")
async def test_a_request_without_a_token_gets_a_challenge_without_an_error() -> None:
    bench = Bench()

    answer = await bench.call()

    assert answer.status_code == 401
    (asked,) = parse_challenges(challenge(answer))
    assert asked.scheme == "bearer"
    assert asked.params == {"resource_metadata": METADATA, "scope": "mcp:read"}
    assert error(answer)["code"] == 401
    assert error(answer)["data"]["reason"] == "missing-token"
    assert bench.seen == []


@proves("S121", "refuses", "401 without a token")
async def test_the_first_challenge_never_names_offline_access() -> None:
    bench = Bench(challenge_scopes=["mcp:read", "mcp:tools", "offline_access"])

    (asked,) = parse_challenges(challenge(await bench.call()))

    assert asked.params["scope"] == "mcp:read mcp:tools"


def _at(idp: str, **settings: Any) -> Bench:
    return Bench(issuers=(), issuer="https://login.example/realms/mcp", idp=idp, **settings)


async def _requested_first(bench: Bench) -> str:
    (asked,) = parse_challenges(challenge(await bench.call()))
    return asked.params["scope"]


@pytest.mark.parametrize(
    ("settings", "requested"),
    [
        pytest.param({}, "mcp:admin mcp:read mcp:tools", id="the-policy-s"),
        pytest.param({"scopes_supported": ["mcp:tools"]}, "mcp:read mcp:tools", id="those-shown"),
        pytest.param({"challenge_scopes": ["mcp:read"]}, "mcp:read", id="the-operator-s"),
    ],
)
async def test_the_first_challenge_names_all_scopes_where_registration_fixes_them(
    settings: dict[str, Any], requested: str
) -> None:
    # Keycloak refuses a scope with which the client did not register, so a step-up would fail.
    assert await _requested_first(_at("keycloak", **settings)) == requested


async def test_the_first_challenge_names_the_base_scopes_where_step_up_is_possible() -> None:
    assert await _requested_first(_at("logto")) == "mcp:read"


async def test_the_first_challenge_names_the_scopes_of_tools_that_an_adapter_adds() -> None:
    bench = _at("keycloak")
    rules = {("tools/call", "refund"): Rule(scopes={"shop:refund"})}

    bench.guarded = bench.guard.protect(bench.app, policy=Policy(base=POLICY.base, rules=rules))

    assert await _requested_first(bench) == "mcp:admin mcp:read mcp:tools shop:refund"


OTHER = TokenMint(issuer=ISSUER, audience=RESOURCE, clock=lambda: NOW)
UNTRUSTED = TokenMint(issuer="https://evil.example", audience=RESOURCE, clock=lambda: NOW)


@proves("S122", "refuses", "401 and 403 challenges")
@proves("S123", "refuses", "garbage is not anonymous")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(token("mcp:read", exp=NOW - 100), "outside-lifetime", id="expired"),
        pytest.param(
            token(audience="https://x.example"), "wrong-audience", id="for-another-audience"
        ),
        pytest.param(token(audience=RESOURCE + "/"), "wrong-audience", id="for-us-with-a-slash"),
        pytest.param(UNTRUSTED.mint("alice"), "unknown-issuer", id="of-an-untrusted-issuer"),
        pytest.param(OTHER.mint("alice"), "unknown-key", id="of-an-unknown-key"),
        pytest.param(token()[:-4] + "AAAA", "bad-signature", id="with-a-broken-signature"),
        pytest.param("x", "malformed-token", id="x"),
        pytest.param("opaque-garbage", "malformed-token", id="opaque"),
        pytest.param("a.b.c", "malformed-token", id="three-letters"),
        pytest.param("", "malformed-token", id="empty"),
        pytest.param("a b", "malformed-token", id="two-words"),
        pytest.param("a, Bearer b", "malformed-token", id="two-in-one-header"),
        pytest.param("ä", "malformed-token", id="not-ascii"),
        pytest.param("a" * 20_000, "malformed-token", id="twenty-thousand-letters"),
    ],
)
async def test_an_invalid_token_is_refused_with_a_reason_for_each_cause(
    bad: str, reason: str
) -> None:
    bench = Bench()

    answer = await bench.ask(
        json=message("ping"), headers=[("authorization", f"Bearer {bad}".encode("latin-1"))]
    )

    assert answer.status_code == 401
    (asked,) = parse_challenges(challenge(answer))
    assert asked.params["error"] == "invalid_token"
    assert asked.params["resource_metadata"] == METADATA
    assert asked.params["error_description"] == error(answer)["message"]
    assert error(answer)["data"]["reason"] == reason
    assert bench.events[-1].reason == reason
    assert bench.seen == []


async def test_the_response_and_the_audit_event_share_a_correlation_id() -> None:
    bench = Bench()

    answer = await bench.call(token=token(audience="https://other.example"))

    correlation = answer.headers["x-correlation-id"]
    (written,) = bench.events
    assert error(answer)["data"]["correlation_id"] == correlation == written.correlation_id
    assert "https://other.example" in written.detail
    assert RESOURCE in written.detail
    assert "other.example" not in answer.text
    assert "other.example" not in challenge(answer)


@proves("S123", "refuses", "garbage is not anonymous")
@pytest.mark.parametrize("scheme", ["Basic YTpi", "DPoP x.y.z", "Bear x", "Token abc", "Bearerx y"])
async def test_another_authorization_scheme_is_treated_as_a_missing_token(scheme: str) -> None:
    bench = Bench()

    answer = await bench.call(authorization=scheme)

    assert answer.status_code == 401
    assert "error" not in parse_challenges(challenge(answer))[0].params
    assert bench.seen == []


@proves("S123", "refuses", "garbage is not anonymous")
async def test_two_authorization_headers_are_refused_even_when_both_are_valid() -> None:
    bench = Bench()
    good = ("authorization", f"Bearer {token('mcp:read', 'mcp:tools')}")

    answer = await bench.ask(json=message("ping"), headers=[good, good])

    assert answer.status_code == 400
    assert error(answer)["data"]["reason"] == "ambiguous-token"
    assert parse_challenges(challenge(answer))[0].params["error"] == "invalid_request"
    assert bench.seen == []


@proves("S124", "refuses", "no token in query or form")
@pytest.mark.parametrize(
    "name", ["access_token", "%61ccess_token", "access%5Ftoken", "x=1&access_token"]
)
@pytest.mark.parametrize("with_header", [True, False])
async def test_a_token_in_the_query_is_refused_with_and_without_a_header(
    name: str, with_header: bool
) -> None:
    bench = Bench()
    good = token("mcp:read", "mcp:tools")

    answer = await bench.ask(
        path=f"/mcp?{name}={good}",
        json=message("ping"),
        headers=bearer(good) if with_header else {},
    )

    assert answer.status_code == 400
    assert error(answer)["data"]["reason"] == "ambiguous-token"
    assert good not in answer.text
    assert bench.seen == []


@proves("S124", "accepts", "no token in query or form")
async def test_a_query_without_a_token_is_accepted() -> None:
    bench = Bench()

    answer = await bench.ask(
        path="/mcp?session=1&token_hint=access_token",
        json=message("ping"),
        headers=bearer(token("mcp:read")),
    )

    assert answer.status_code == 200


@proves("S124", "refuses", "no token in query or form")
async def test_a_token_in_a_form_body_is_ignored() -> None:
    bench = Bench()

    answer = await bench.ask(data={"access_token": token("mcp:read")})

    assert answer.status_code == 401
    assert bench.seen == []


@proves("S122", "accepts", "401 and 403 challenges")
@proves("S122", "refuses", "401 and 403 challenges")
async def test_a_missing_scope_is_a_403_that_names_every_required_scope() -> None:
    bench = Bench()

    refused = await bench.call("add", token("mcp:read"))
    stepped_up = await bench.call("add", token("mcp:read", "mcp:tools"))

    assert refused.status_code == 403
    (asked,) = parse_challenges(challenge(refused))
    assert asked.params["error"] == "insufficient_scope"
    assert asked.params["scope"] == "mcp:read mcp:tools"
    assert asked.params["resource_metadata"] == METADATA
    assert "mcp:read mcp:tools" in asked.params["error_description"]
    assert json.loads(refused.content)["id"] == 1
    assert stepped_up.status_code == 200
    assert len(bench.seen) == 1


async def test_a_missing_role_is_a_403_without_a_challenge() -> None:
    bench = Bench()
    scopes = ("mcp:read", "mcp:tools", "mcp:admin")

    refused = await bench.call("audit", token(*scopes))
    allowed = await bench.call("audit", token(*scopes, roles=["admin"]))

    assert refused.status_code == 403
    assert "www-authenticate" not in refused.headers
    assert error(refused)["data"]["reason"] == "not-permitted"
    assert "admin" not in error(refused)["message"]
    assert allowed.status_code == 200


class _Outage(LocalKeys):
    async def key(self, kid: str | None, algorithm: str) -> Key:
        raise KeysUnavailable("connection refused by 10.0.0.7", retry_after=9)

    def known(self, kid: str | None, algorithm: str) -> None:
        return None


async def test_an_outage_of_the_issuer_is_503_and_never_401() -> None:
    keys = _Outage(lambda: {"keys": []}, clock=lambda: NOW)
    issuer = TrustedIssuer(issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=keys)
    bench = Bench(issuers=[issuer])

    answer = await bench.call(token=token("mcp:read"))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "9"
    assert "www-authenticate" not in answer.headers
    assert error(answer)["data"]["reason"] == "keys-unavailable"
    assert "10.0.0.7" not in answer.text
    assert "10.0.0.7" in bench.events[-1].detail


async def test_refusals_are_never_cached() -> None:
    bench = Bench()

    for answer in (await bench.call(), await bench.call(token="x")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"


async def test_a_token_is_cached_at_its_second_request() -> None:
    verifier = Verifier([trusted()], clock=lambda: NOW)
    bench = Bench(verifier=verifier, policy=POLICY)
    good = token("mcp:read", "mcp:tools")

    first, second = await bench.call(token=good), await bench.call(token=good)

    assert (first.status_code, second.status_code) == (200, 200)
    assert verifier.recall(good.encode()) is not None
