"""The claims of a token: one good token, wrong in one way at a time."""

from typing import Any

import pytest

from doorward.errors import (
    BoundToken,
    MissingClaim,
    OutsideLifetime,
    TokenRejected,
    UnknownIssuer,
    WrongAudience,
    WrongType,
)
from doorward.tokens import RFC9068, TokenProfile
from doorward.tokens.jwt.checks import CHECKS, Expected, PresentedToken, admit
from tests.ledger import proves
from tests.tokens.signer import ISSUER, NOW, RESOURCE, claims

LOOSE = TokenProfile(name="loose", types=frozenset({"jwt"}), type_may_be_absent=True)


def expected(profile: TokenProfile = RFC9068, *audiences: str) -> Expected:
    return Expected(
        issuer=ISSUER,
        audiences=frozenset(audiences or (RESOURCE,)),
        profile=profile,
        leeway=30,
        longest_life=3600,
    )


def judge(type_: str | None = "at+jwt", profile: TokenProfile = RFC9068, **changes: Any) -> None:
    admit(PresentedToken(type_, claims(**changes), expected(profile), NOW))


def judge_with(name: str, value: object) -> None:
    admit(PresentedToken("at+jwt", claims(**{name: value}), expected(), NOW))


@proves("S128", "accepts", "typ must be at+jwt")
@proves("S129", "accepts", "issuer and its own keys")
@proves("S131", "accepts", "claim types and lifetimes")
@proves("S137", "accepts", "bound tokens need proof")
def test_a_valid_token_is_admitted() -> None:
    judge()


@proves("S128", "refuses", "typ must be at+jwt")
@pytest.mark.parametrize(
    "type_",
    ["jwt", "logout+jwt", "dpop+jwt", "oauth-id-jag+jwt", "client-authentication+jwt", "", "at+jwtx", "secevent+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "at", "at+jwt ", None],
)  # fmt: skip
def test_a_genuine_token_of_another_type_is_refused(type_: str | None) -> None:
    with pytest.raises(WrongType) as refusal:
        judge(type_)

    assert (refusal.value.code, refusal.value.status) == ("wrong-type", 401)


@proves("S128", "accepts", "typ must be at+jwt")
@pytest.mark.parametrize("type_", ["jwt", None])
def test_a_profile_can_accept_another_token_type(type_: str | None) -> None:
    judge(type_, LOOSE)


@proves("S128", "refuses", "typ must be at+jwt")
@pytest.mark.parametrize(
    "changes",
    [{"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"events": {}}],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("profile", [RFC9068, LOOSE], ids=lambda profile: profile.name)
def test_a_token_with_the_claims_of_an_id_or_logout_token_is_refused(
    profile: TokenProfile, changes: dict[str, Any]
) -> None:
    with pytest.raises(WrongType):
        judge("at+jwt" if profile is RFC9068 else "jwt", profile, **changes)


@proves("S137", "refuses", "bound tokens need proof")
@pytest.mark.parametrize(
    "cnf", [{"jkt": "0ZcOCORZNYy"}, {"x5t#S256": "bwcK0esc3AC"}, {}, None, "x"]
)
def test_a_token_bound_to_a_key_is_refused_as_a_bearer_token(cnf: object) -> None:
    with pytest.raises(BoundToken) as refusal:
        judge(cnf=cnf)

    assert (refusal.value.code, refusal.value.status) == ("bound-token", 401)


@proves("S129", "refuses", "issuer and its own keys")
@pytest.mark.parametrize(
    "iss",
    [ISSUER + "/", ISSUER.upper(), ISSUER[:-1], "http://issuer.example", [ISSUER], None, 1, ...],
)
def test_an_issuer_that_differs_from_the_trusted_one_is_refused(iss: object) -> None:
    with pytest.raises(UnknownIssuer):
        judge(iss=iss)


@proves("S130", "accepts", "audience is this resource")
@pytest.mark.parametrize("aud", [RESOURCE, [RESOURCE], ["https://other.example", RESOURCE]])
def test_a_token_for_this_resource_is_accepted(aud: object) -> None:
    judge(aud=aud)


@proves("S130", "refuses", "audience is this resource")
@pytest.mark.parametrize(
    "aud",
    [
        pytest.param("https://other.example", id="another-resource"),
        pytest.param(RESOURCE + "-admin", id="ours-is-a-prefix"),
        pytest.param(RESOURCE[:-1], id="prefix-of-ours"),
        pytest.param(RESOURCE + "/", id="trailing-slash"),
        pytest.param(RESOURCE + "/tools", id="path-below"),
        pytest.param("https://mcp.example", id="parent-origin"),
        pytest.param("https://mcp.example/", id="parent-origin-slash"),
        pytest.param("https://mcp.example/other", id="another-path"),
        pytest.param("https://MCP.example/mcp", id="case"),
        pytest.param(f"{RESOURCE} https://other.example", id="space-separated"),
        pytest.param([], id="empty-list"),
        pytest.param([[RESOURCE]], id="nested-list"),
        pytest.param([RESOURCE, 1], id="junk-beside-ours"),
        pytest.param([None, RESOURCE], id="null-beside-ours"),
        pytest.param([RESOURCE + "/"], id="list-of-another"),
        pytest.param(..., id="absent"),
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param({RESOURCE: 1}, id="object"),
        pytest.param(1, id="number"),
        pytest.param(True, id="true"),
    ],
)
def test_a_token_for_another_audience_is_refused(aud: object) -> None:
    with pytest.raises(WrongAudience) as refusal:
        judge(aud=aud)

    assert refusal.value.code == "wrong-audience"
    assert RESOURCE in refusal.value.detail
    assert RESOURCE not in refusal.value.public


@proves("S130", "accepts", "audience is this resource")
def test_another_audience_is_accepted_where_it_is_configured() -> None:
    admit(
        PresentedToken("at+jwt", claims(aud="api://x"), expected(RFC9068, RESOURCE, "api://x"), NOW)
    )


NOT_A_TIME = [
    pytest.param("1800000600", id="text"),
    pytest.param(True, id="true"),
    pytest.param(float("nan"), id="nan"),
    pytest.param(float("inf"), id="infinity"),
    pytest.param(float("-inf"), id="minus-infinity"),
    pytest.param(10**400, id="huge"),
    pytest.param(None, id="null"),
    pytest.param([NOW + 10], id="list"),
    pytest.param(-1, id="before-time"),
]


@proves("S131", "refuses", "claim types and lifetimes")
@pytest.mark.parametrize(
    "exp",
    [
        *NOT_A_TIME,
        pytest.param(..., id="absent"),
        pytest.param(0, id="zero"),
        pytest.param(NOW - 30, id="over"),
        pytest.param(NOW + 3631, id="longer-than-allowed"),
        pytest.param((NOW + 600) * 1000, id="milliseconds"),
    ],
)
def test_a_token_outside_its_lifetime_is_refused(exp: object) -> None:
    with pytest.raises(OutsideLifetime) as refusal:
        judge(exp=exp, iat=0)

    assert refusal.value.code == "outside-lifetime"


@proves("S131", "accepts", "claim types and lifetimes")
@pytest.mark.parametrize("exp", [NOW - 29, NOW + 1, NOW + 0.5, int(NOW) + 1, NOW + 3630])
def test_a_token_within_its_lifetime_and_the_leeway_is_accepted(exp: float) -> None:
    judge(exp=exp, iat=NOW - 100)


@proves("S131", "refuses", "claim types and lifetimes")
@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize(
    "begin", [*NOT_A_TIME, pytest.param(NOW + 31, id="future"), pytest.param(NOW * 2, id="far")]
)
def test_a_token_with_a_future_or_invalid_nbf_or_iat_is_refused(name: str, begin: object) -> None:
    with pytest.raises(OutsideLifetime):
        judge_with(name, begin)


@proves("S131", "accepts", "claim types and lifetimes")
@pytest.mark.parametrize(
    "changes", [{"nbf": NOW}, {"nbf": NOW + 30}, {"iat": NOW + 30}, {"nbf": 0}]
)
def test_a_token_with_nbf_and_iat_within_the_leeway_is_accepted(changes: dict[str, Any]) -> None:
    judge(**changes)


@proves("S131", "refuses", "claim types and lifetimes")
def test_a_token_with_exp_before_nbf_is_refused() -> None:
    with pytest.raises(OutsideLifetime):
        judge(exp=NOW - 20, nbf=NOW)


@proves("S131", "refuses", "claim types and lifetimes")
@pytest.mark.parametrize("name", ["sub", "client_id", "jti", "iat"])
def test_a_missing_required_claim_is_refused(name: str) -> None:
    with pytest.raises(MissingClaim) as refusal:
        judge_with(name, ...)

    assert (refusal.value.code, refusal.value.status) == ("missing-claim", 401)
    assert name in refusal.value.detail


@proves("S131", "refuses", "claim types and lifetimes")
@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", ["", 1, True, None, ["alice"], {"a": 1}])
def test_a_claim_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(MissingClaim):
        judge_with(name, value)


def test_the_first_failing_check_names_the_refusal() -> None:
    # Wrong in every way: each check in turn, once those before it are satisfied.
    broken: dict[str, Any] = {
        "cnf": {},
        "iss": "https://x.example",
        "aud": "x",
        "exp": 1,
        "sub": ...,
    }
    seen = []
    type_: str | None = "jwt"
    for mend in ({}, {"type": "at+jwt"}, "cnf", "iss", "aud", "exp"):
        if mend == {"type": "at+jwt"}:
            type_ = "at+jwt"
        elif isinstance(mend, str):
            del broken[mend]
        with pytest.raises(TokenRejected) as refusal:
            judge(type_, **broken)
        seen.append(type(refusal.value))

    assert seen == [
        WrongType,
        BoundToken,
        UnknownIssuer,
        WrongAudience,
        OutsideLifetime,
        MissingClaim,
    ]
    assert len(CHECKS) == len(seen)


def test_a_long_claim_is_truncated_in_the_detail() -> None:
    with pytest.raises(WrongAudience) as refusal:
        judge(aud="x" * 10_000)

    assert len(refusal.value.detail) < 400
