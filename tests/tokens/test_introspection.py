"""Opaque tokens: how an issuer is asked, what of its answers is believed, and for how long."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from doorward.client.jws import PrivateKey
from doorward.errors import (
    BadSignature,
    BoundToken,
    ConfigurationError,
    MalformedToken,
    MissingClaim,
    OutsideLifetime,
    TokenRejected,
    UnknownIssuer,
    WrongAudience,
    WrongType,
)
from doorward.net import Fetched, FetchFailed
from doorward.tokens import (
    CredentialVerifier,
    Introspection,
    LocalKeys,
    OpaqueIssuer,
    TrustedIssuer,
)
from doorward.tokens.github import GitHubTokenCheck
from doorward.tokens.google import GoogleTokenInfo
from doorward.tokens.refusals import InactiveToken, LookupUnavailable, WrongClient
from doorward.wire.compact import LONGEST_TOKEN
from tests.ledger import proves
from tests.tokens.asked import (
    ENDPOINT,
    ISSUER,
    NOW,
    RESOURCE,
    TOKEN,
    Asked,
    active,
    answer,
    lookup,
    opaque,
)
from tests.tokens.signer import ISSUER as SIGNED_ISSUER
from tests.tokens.signer import Signer, b64, claims, dumps


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def judge(
    said: Any = None, *, issuer: OpaqueIssuer | None = None, **options: Any
) -> tuple[CredentialVerifier, Asked]:
    """Return a verifier, and the issuer that it asks; ``said`` is a body or a whole answer."""
    body = active() if said is None else said
    asked = Asked(lambda _url: body if isinstance(body, Fetched | FetchFailed) else answer(body))
    given = {"clock": Time(), "fetcher": asked, **options}
    return CredentialVerifier([issuer or opaque()], **given), asked


async def test_who_is_calling_is_what_the_issuer_says() -> None:
    verifier, asked = judge(active(roles=["staff"]))

    caller = await verifier.verify(TOKEN)

    assert caller.key == (ISSUER, "alice")
    assert (caller.client_id, caller.kind, caller.name) == ("client-1", "person", "Alice")
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert caller.roles == {"staff"}
    assert caller.expires_at == NOW + 600
    assert [url for url, _ in asked.questions] == [ENDPOINT]


# Asking.


async def test_the_client_shows_its_secret_in_the_header_by_default() -> None:
    verifier, asked = judge(issuer=opaque(lookup=lookup(client_id="a b", client_secret="ö:%")))

    await verifier.verify(TOKEN)

    question = asked.questions[0][1]
    scheme, _, shown = (question.authorization or "").partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(shown) == b"a+b:%C3%B6%3A%25"
    assert asked.form() == {"token": TOKEN.decode(), "token_type_hint": "access_token"}
    assert question.method == "POST"
    assert question.content_type == "application/x-www-form-urlencoded"
    assert question.accept == "application/json"


async def test_the_client_may_show_its_secret_in_the_form() -> None:
    verifier, asked = judge(issuer=opaque(lookup=lookup(method="client_secret_post")))

    await verifier.verify(TOKEN)

    assert asked.questions[0][1].authorization is None
    assert asked.form()["client_id"] == "mcp-server"
    assert asked.form()["client_secret"] == "s3cret"


async def test_the_client_may_sign_with_a_key_and_send_no_secret() -> None:
    key = PrivateKey.generate()
    way = Introspection(client_id="mcp-server", private_key=key, endpoint=ENDPOINT)
    verifier, asked = judge(issuer=opaque(lookup=way))

    await verifier.verify(TOKEN)
    verifier.recall(b"")
    form = asked.form()
    _, payload, _ = form["client_assertion"].split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))

    assert form["client_assertion_type"].endswith("client-assertion-type:jwt-bearer")
    assert (said["iss"], said["sub"], said["aud"]) == ("mcp-server", "mcp-server", ISSUER)
    assert (said["iat"], said["exp"]) == (NOW, NOW + 60)
    assert asked.questions[0][1].authorization is None
    assert "client_secret" not in form


async def test_the_endpoint_is_found_through_the_issuers_metadata_once() -> None:
    metadata = {"issuer": ISSUER, "introspection_endpoint": "https://opaque.example/ask"}

    def says(url: str) -> Fetched:
        return answer(metadata if "/.well-known/" in url else active())

    asked, time = Asked(says), Time()
    way = lookup(endpoint=None, cache_ttl=0)
    verifier = CredentialVerifier([opaque(lookup=way)], clock=time, fetcher=asked)

    for _ in range(3):
        await verifier.verify(TOKEN)
    time.now += 3600
    metadata["introspection_endpoint"] = "https://opaque.example/moved"
    said = active(exp=NOW + 9000)
    asked.says = lambda url: answer(metadata if "/.well-known/" in url else said)
    await verifier.verify(TOKEN)

    assert [url.removeprefix(ISSUER) for url, _ in asked.questions] == [
        "/.well-known/oauth-authorization-server", "/ask", "/ask", "/ask",
        "/.well-known/oauth-authorization-server", "/moved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": ISSUER},
        {"issuer": "https://other.example", "introspection_endpoint": ENDPOINT},
        {"issuer": ISSUER, "introspection_endpoint": "http://opaque.example/ask"},
        {"issuer": ISSUER, "introspection_endpoint": 7},
    ],
)
async def test_without_a_usable_endpoint_in_the_metadata_no_token_is_sent(metadata: Any) -> None:
    verifier, asked = judge(metadata, issuer=opaque(lookup=lookup(endpoint=None)))

    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    first = len(asked.questions)
    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)

    assert all(question.method == "GET" for _, question in asked.questions)
    assert len(asked.questions) == first


async def test_inside_a_network_of_containers_the_issuer_is_asked_there() -> None:
    metadata = {"issuer": ISSUER, "introspection_endpoint": ENDPOINT}
    asked = Asked(lambda url: answer(metadata if "/.well-known/" in url else active()))
    issuer = opaque(lookup=lookup(endpoint=None), internal_url="http://idp:8080")
    verifier = CredentialVerifier([issuer], clock=Time(), fetcher=asked)

    await verifier.verify(TOKEN)

    assert asked.questions[-1][0] == "http://idp:8080/introspect"


# Believing.


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
async def test_a_live_token_is_refused_that_is_wrong_in_one_way(
    changes: dict[str, Any], refusal: type[TokenRejected]
) -> None:
    verifier, _ = judge(active(**changes))

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
async def test_what_rfc_7662_leaves_open_is_accepted(changes: dict[str, Any]) -> None:
    verifier, _ = judge(active(**changes))

    assert (await verifier.verify(TOKEN)).key == (ISSUER, "alice")


async def test_untyped_answers_are_accepted_where_the_operator_says_so() -> None:
    way = lookup(insecure_untyped=True)
    verifier, _ = judge(active(token_type=...), issuer=opaque(lookup=way))
    refreshing, _ = judge(
        active(token_type=..., token_use="refresh_token"), issuer=opaque(lookup=way)
    )

    assert (await verifier.verify(TOKEN)).subject == "alice"
    with pytest.raises(WrongType):
        await refreshing.verify(TOKEN)


async def test_a_token_that_is_not_active_is_refused_and_asked_about_again() -> None:
    verifier, asked = judge({"active": False})

    for _ in range(2):
        with pytest.raises(InactiveToken) as refusal:
            await verifier.verify(TOKEN)
        assert refusal.value.code == "inactive-token"

    assert len(asked.questions) == 2


@pytest.mark.parametrize("said", ["true", "false", 1, None, {}, [True], ...])
async def test_whether_it_is_active_is_true_or_false_and_nothing_like_it(said: Any) -> None:
    verifier, _ = judge(active(active=said))

    with pytest.raises(LookupUnavailable) as refusal:
        await verifier.verify(TOKEN)

    assert refusal.value.status == 503


@pytest.mark.parametrize(
    ("client", "admitted"),
    [("client-1", True), ("client-2", True), ("client-3", False), (..., False)],
)
async def test_where_clients_are_named_the_token_must_be_one_of_theirs(
    client: Any, admitted: bool
) -> None:
    issuer = opaque(audience=(), client_ids=("client-1", "client-2"))
    verifier, _ = judge(active(client_id=client, aud="https://idp.example"), issuer=issuer)
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
async def test_where_both_are_named_both_must_hold(
    changes: dict[str, Any], refusal: type[TokenRejected] | None
) -> None:
    verifier, _ = judge(active(**changes), issuer=opaque(client_ids=("client-1",)))
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
async def test_a_token_without_a_person_is_its_clients_own(
    changes: dict[str, Any], kind: str, subject: str
) -> None:
    verifier, _ = judge(active(**changes))

    caller = await verifier.verify(TOKEN)

    assert (caller.kind, caller.subject) == (kind, subject)


async def test_a_token_without_an_end_ends_within_the_hour_here() -> None:
    verifier, _ = judge(active(exp=...))

    assert (await verifier.verify(TOKEN)).expires_at == NOW + 3600


async def test_the_token_is_not_kept_with_what_is_known_of_it() -> None:
    verifier, _ = judge(active(token=TOKEN.decode()))

    caller = await verifier.verify(TOKEN)

    assert TOKEN not in caller.claims_json
    assert "active" not in caller.claims


# Not knowing.


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(FetchFailed("nobody there"), id="nobody-answers"),
        pytest.param(answer({}, 500), id="broken"),
        pytest.param(answer({}, 302, location="https://elsewhere.example"), id="redirect"),
        pytest.param(answer({}, 404), id="not-there"),
        pytest.param(answer({"active": True}, 201), id="created"),
        pytest.param(answer(b"<html>", media_type="text/html"), id="a-page"),
        pytest.param(answer(b'{"active": true, "active": false}'), id="two-answers-in-one"),
        pytest.param(answer(b"[]"), id="a-list"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(answer(b"x", media_type="application/token-introspection+jwt"), id="signed"),
    ],
)
async def test_when_nobody_can_say_the_caller_is_told_to_come_again(said: Any) -> None:
    verifier, _ = judge(said)

    with pytest.raises(LookupUnavailable) as refusal:
        await verifier.verify(TOKEN)

    assert (refusal.value.status, refusal.value.code) == (503, "token-lookup-unavailable")
    assert refusal.value.retry_after == 5


@pytest.mark.parametrize(
    "said",
    [
        answer({"error": "invalid_client"}, 401),
        answer({"error": "invalid_client"}, 400),
        answer({}, 403),
        answer(b"", 401, "text/plain"),
    ],
)
async def test_credentials_of_ours_that_are_refused_are_no_fault_of_the_callers(said: Any) -> None:
    time = Time()
    verifier, asked = judge(said, clock=time)

    for _ in range(3):
        with pytest.raises(LookupUnavailable) as refusal:
            await verifier.verify(TOKEN)
        assert refusal.value.status == 503
        assert "client_secret" in refusal.value.detail
        assert "s3cret" not in refusal.value.detail

    assert len(asked.questions) == 1
    assert refusal.value.retry_after == 10
    time.now += 10
    asked.says = lambda _url: answer(active())
    assert (await verifier.verify(TOKEN)).subject == "alice"


async def test_the_operator_is_told_in_a_sentence_without_a_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verifier, _ = judge(answer({}, 401))

    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    said = "".join(capsys.readouterr())

    assert "lookup-credentials-refused" in said
    assert "client_secret are right" in said
    assert "s3cret" not in said
    assert TOKEN.decode() not in said


@pytest.mark.parametrize(("asked_for", "pause"), [("30", 30), ("100000", 60)])
async def test_an_issuer_that_asks_for_peace_is_left_in_peace(asked_for: str, pause: int) -> None:
    time = Time()
    verifier, asked = judge(answer({}, 429, retry_after=asked_for), clock=time)

    for _ in range(2):
        with pytest.raises(LookupUnavailable):
            await verifier.verify(TOKEN)
    assert len(asked.questions) == 1

    time.now += pause
    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    assert len(asked.questions) == 2


async def test_a_known_token_is_served_while_its_issuer_is_down() -> None:
    verifier, asked = judge()
    await verifier.verify(TOKEN)
    asked.says = lambda _url: FetchFailed("down")

    assert (await verifier.verify(TOKEN)).subject == "alice"
    with pytest.raises(LookupUnavailable):
        await verifier.verify(b"another")


# For how long.


@proves("S136", "accepts")
@proves("S136", "refuses")
async def test_a_revoked_token_is_refused_when_the_time_of_the_answer_is_over() -> None:
    time = Time()
    verifier, asked = judge(clock=time, issuer=opaque(lookup=lookup(cache_ttl=60)))
    await verifier.verify(TOKEN)
    asked.says = lambda _url: answer({"active": False})

    time.now += 59
    within = verifier.recall(TOKEN)
    time.now += 1

    assert within is not None
    assert verifier.recall(TOKEN) is None
    with pytest.raises(InactiveToken):
        await verifier.verify(TOKEN)


@pytest.mark.parametrize("options", [{"ttl": 0}, {"cache_ttl": 0}, {"cache_entries": 0}])
@proves("S136", "refuses")
async def test_zero_asks_every_time(options: dict[str, Any]) -> None:
    way = lookup(cache_ttl=options.pop("ttl", 60))
    verifier, asked = judge(issuer=opaque(lookup=way), **options)

    for _ in range(3):
        await verifier.verify(TOKEN)

    assert verifier.recall(TOKEN) is None
    assert len(asked.questions) == 3


async def test_no_answer_holds_beyond_the_tokens_end() -> None:
    time = Time()
    verifier, _ = judge(
        active(exp=NOW + 5), clock=time, issuer=opaque(lookup=lookup(cache_ttl=600)), cache_ttl=600
    )
    await verifier.verify(TOKEN)

    time.now += 5

    assert verifier.recall(TOKEN) is None


async def test_requests_with_one_token_wait_for_one_question() -> None:
    verifier, asked = judge(issuer=opaque(lookup=lookup(cache_ttl=0)))

    callers = await asyncio.gather(*(verifier.verify(TOKEN) for _ in range(100)))
    await asyncio.gather(*(verifier.verify(f"token-{number}".encode()) for number in range(10)))

    assert {caller.subject for caller in callers} == {"alice"}
    assert len(asked.questions) == 11


async def test_a_closed_verifier_has_forgotten_everything() -> None:
    verifier, _ = judge()
    await verifier.verify(TOKEN)

    await verifier.aclose()

    assert verifier.recall(TOKEN) is None


# Which way a token goes.

SIGNER = Signer("ES256")
SIGNED = TrustedIssuer(
    issuer=SIGNED_ISSUER,
    audience=RESOURCE,
    algorithms=("ES256",),
    keys=LocalKeys(lambda: {"keys": [SIGNER.jwk]}, clock=lambda: NOW),
)


def both(**options: Any) -> tuple[CredentialVerifier, Asked]:
    asked = Asked()
    return CredentialVerifier([SIGNED, opaque()], clock=Time(), fetcher=asked, **options), asked


async def test_each_kind_of_token_goes_its_own_way() -> None:
    verifier, asked = both()

    signed = await verifier.verify(SIGNER.token())
    looked_up = await verifier.verify(TOKEN)

    assert (signed.issuer, looked_up.issuer) == (SIGNED_ISSUER, ISSUER)
    assert len(asked.questions) == 1
    assert verifier.recall(SIGNER.token()) is None  # another signature, another token
    assert verifier.recall(TOKEN) == looked_up


def tampered() -> bytes:
    head, payload, signature = SIGNER.token().split(b".")
    return b".".join(
        [head, payload, signature[:-4] + (b"AAAA" if signature[-4:] != b"AAAA" else b"BBBB")]
    )


@pytest.mark.parametrize(
    ("token", "refusal"),
    [
        pytest.param(tampered(), BadSignature, id="forged"),
        pytest.param(
            SIGNER.token(claims(aud="https://other.example")), WrongAudience, id="audience"
        ),
        pytest.param(SIGNER.token(claims(exp=NOW - 60)), OutsideLifetime, id="over"),
        pytest.param(SIGNER.token(header=SIGNER.header(typ="JWT")), WrongType, id="id-token"),
        pytest.param(
            SIGNER.token(claims(iss="https://third.example")), UnknownIssuer, id="unknown"
        ),
        pytest.param(SIGNER.token(claims(iss=...)), UnknownIssuer, id="no-issuer"),
        pytest.param(SIGNER.token(claims(iss=7)), UnknownIssuer, id="issuer-is-a-number"),
        pytest.param(
            SIGNER.token(header={**SIGNER.header(), "jku": "https://evil.example"}),
            MalformedToken,
            id="brings-its-own-keys",
        ),
        pytest.param(SIGNER.token(b"not json"), MalformedToken, id="payload-is-no-json"),
        pytest.param(b64(dumps({"alg": "none"})).encode() + b".e30.", MalformedToken, id="none"),
    ],
)
async def test_a_jwt_that_is_refused_is_not_looked_up_instead(
    token: bytes, refusal: type[TokenRejected]
) -> None:
    verifier, asked = both()

    with pytest.raises(refusal):
        await verifier.verify(token)

    assert asked.questions == []


async def test_a_jwt_of_an_issuer_that_is_asked_is_looked_up_there() -> None:
    verifier, asked = both()
    token = SIGNER.token(claims(iss=ISSUER))

    caller = await verifier.verify(token)

    assert caller.issuer == ISSUER
    assert asked.form()["token"] == token.decode()
    assert verifier.recall(token) == caller


async def test_a_jwt_of_a_stranger_is_shown_to_nobody() -> None:
    verifier, asked = judge()

    with pytest.raises(UnknownIssuer):
        await verifier.verify(SIGNER.token(claims(iss="https://bank.example")))

    assert asked.questions == []


@pytest.mark.parametrize("token", [b"a.b.c", b"a.b", b"a.b.c.d.e", b"ey.ey.ey", b"..", b"%"])
async def test_what_only_looks_like_a_jwt_is_an_opaque_token(token: bytes) -> None:
    verifier, asked = both()

    await verifier.verify(token)

    assert asked.form()["token"] == token.decode()


@pytest.mark.parametrize("token", [b"a" * (LONGEST_TOKEN + 1), "ä".encode(), b"\xff"])
async def test_what_can_be_no_token_is_sent_to_nobody(token: bytes) -> None:
    verifier, asked = judge()

    with pytest.raises(MalformedToken):
        await verifier.verify(token)

    assert asked.questions == []


# Settings.


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"client_id": "x"}, "no-lookup-credentials"),
        ({"client_id": "", "client_secret": "s"}, "no-lookup-credentials"),
        ({"client_id": "x", "client_secret": ""}, "no-lookup-credentials"),
        (
            {"client_id": "x", "client_secret": "s", "method": "private_key_jwt"},
            "no-lookup-credentials",
        ),
        (
            {"client_id": "x", "client_secret": "s", "endpoint": "http://idp.example/ask"},
            "insecure-lookup",
        ),
        ({"client_id": "x", "client_secret": "s", "endpoint": "ask"}, "insecure-lookup"),
        ({"client_id": "x", "client_secret": "s", "cache_ttl": -1}, "not-a-limit"),
        ({"client_id": "x", "client_secret": "s", "cache_ttl": float("nan")}, "not-a-limit"),
    ],
)
def test_a_lookup_that_cannot_be_safe_is_refused_at_start(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Introspection(**settings)

    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    "build",
    [
        lambda url: GitHubTokenCheck(client_id="x", client_secret="s", api=url),
        lambda url: GoogleTokenInfo(endpoint=url),
    ],
    ids=["github", "google"],
)
def test_no_provider_is_asked_in_the_clear_except_on_this_machine(
    build: Callable[[str], object],
) -> None:
    for url in ("http://git.example/api/v3", "git.example/api/v3", "ftp://git.example"):
        with pytest.raises(ConfigurationError) as refusal:
            build(url)
        assert refusal.value.reason == "insecure-lookup"
    assert build("https://git.example/api/v3")
    assert build("http://localhost:8080/api/v3")


@pytest.mark.parametrize(
    "changes", [{"audience": ()}, {"audience": ""}, {"audience": RESOURCE, "client_ids": ("",)}]
)
def test_a_live_token_of_just_anybody_is_not_enough(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        opaque(**changes)

    assert refusal.value.reason == "undecided-audience"


def test_two_issuers_of_tokens_that_nothing_tells_apart_are_refused() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([opaque(), opaque(issuer="https://second.example")])

    assert refusal.value.reason == "ambiguous-opaque-issuers"


def test_one_issuer_is_verified_or_asked_and_not_both() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([SIGNED, opaque(issuer=SIGNED_ISSUER)])

    assert refusal.value.reason == "issuer-twice"


def test_without_anybody_to_trust_there_is_no_verifier() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([])

    assert refusal.value.reason == "no-issuers"


def test_no_secret_is_in_any_representation() -> None:
    issuer = opaque()
    verifier = CredentialVerifier([issuer])

    shown = f"{issuer!r} {issuer.lookup!r} {lookup().client!r} {verifier.describe()!r}"

    assert "s3cret" not in shown
    assert "mcp-server" in shown


async def test_neither_a_question_nor_its_answer_shows_what_it_carries() -> None:
    issuer = opaque(lookup=lookup(method="client_secret_post"))
    asked = Asked(lambda _url: answer(active(echo="echo-of-the-token")))
    verifier = CredentialVerifier([issuer], clock=Time(), fetcher=asked)
    await verifier.verify(TOKEN)

    question = asked.questions[-1][1]
    shown = f"{question!r} {asked.says(ENDPOINT)!r}"

    assert b"s3cret" in question.body
    assert not [word for word in ("s3cret", TOKEN.decode(), "echo-of") if word in shown]


async def test_a_token_that_never_ends_may_say_so_with_the_year_9999() -> None:
    verifier, _ = judge(active(exp=253_402_300_799))

    assert (await verifier.verify(TOKEN)).expires_at == 253_402_300_799


async def test_a_claim_that_is_a_huge_number_locks_nobody_out() -> None:
    verifier, _ = judge(active(employee=10**30))

    caller = await verifier.verify(TOKEN)

    assert caller.claims["employee"] == 10**30
