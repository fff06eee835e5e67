"""The doctor over real sockets: one finding for one cause, and legal set-ups that look unusual."""

import json
import threading
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from doorward.doctor.findings.finding import Blame
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import examine
from tests.doctor.loopback import AS, PRM, TOKEN, Answer, Asked, SetUp, as_html, as_json, healthy
from tests.ledger import proves

pytestmark = pytest.mark.e2e

Change = Callable[[SetUp], str | None]


def _visit(url: str) -> None:
    """Open ``url`` as a browser does, while the doctor listens for the redirect."""

    def open_url() -> None:
        urllib.request.urlopen(url, timeout=30).read()

    threading.Thread(target=open_url, daemon=True).start()


async def _examined(change: Change, *, signs_in: bool, saw: str = "") -> list[tuple[str, Blame]]:
    plan = Plan(sign_in="browser", open_url=_visit) if signs_in else Plan()
    with healthy() as made:
        url = change(made) or made.url
        probe = Probe(url, Network(), Budget(), plan)
        try:
            found = await examine(probe, url, saw=(saw,) if saw else ())
        finally:
            await probe.aclose()
    return [(one.finding.code, one.blame) for one in found.diagnoses]


def _as_if_signed_in(made: SetUp, asked: Asked) -> Answer:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return made.mcp(Asked(asked.method, asked.path, asked.query, headers, asked.body))


def nothing(_made: SetUp) -> None: ...


def the_scheme_is_in_lower_case(made: SetUp) -> None:
    made.challenge = made.challenge.replace("Bearer", "bearer")


def another_scheme_is_offered_too(made: SetUp) -> None:
    made.challenge = f'Basic realm="people", {made.challenge}'


def an_error_is_named_without_a_token(made: SetUp) -> None:
    made.challenge = made.challenge.replace("Bearer", 'Bearer error="invalid_token",')


def the_server_is_its_own_issuer_as_in_2025_03_26(made: SetUp) -> None:
    made.challenge = "Bearer"
    del made.server.answers["GET", f"{PRM}/mcp"]
    for name, value in made.issuer.items():
        if isinstance(value, str):
            made.issuer[name] = value.replace(made.login.origin, made.server.origin)
    made.server.answers.update(made.login.answers)


def the_issuer_publishes_openid_configuration_only(made: SetUp) -> None:
    made.login.on("GET", "/.well-known/openid-configuration", made.login.answers.pop(("GET", AS)))


def the_issuer_has_a_path(made: SetUp) -> None:
    made.issuer["issuer"] = f"{made.login.origin}/t/1"
    made.resource["authorization_servers"] = [made.issuer["issuer"]]
    made.login.on("GET", f"{AS}/t/1", made.login.answers.pop(("GET", AS)))


def clients_are_registered_by_hand(made: SetUp) -> None:
    del made.issuer["registration_endpoint"], made.login.answers["POST", "/register"]


def clients_have_metadata_documents(made: SetUp) -> None:
    del made.issuer["registration_endpoint"]
    made.issuer["client_id_metadata_document_supported"] = True


def the_server_is_open(made: SetUp) -> None:
    for method in ("GET", "POST"):
        made.server.on(method, "/mcp", lambda asked: _as_if_signed_in(made, asked))


def lists_are_open_and_calls_are_not(made: SetUp) -> None:
    def post(asked: Asked) -> Answer:
        method = json.loads(asked.body or b"{}").get("method", "")
        is_open = method in ("initialize", "notifications/initialized", "tools/list")
        return _as_if_signed_in(made, asked) if is_open else made.mcp(asked)

    made.server.on("POST", "/mcp", post)


def the_metadata_is_only_where_the_challenge_says(made: SetUp) -> None:
    made.server.on("GET", "/about.json", made.server.answers.pop(("GET", f"{PRM}/mcp")))
    made.challenge = f'Bearer resource_metadata="{made.server.origin}/about.json"'


def the_challenge_names_no_metadata(made: SetUp) -> None:
    made.challenge = 'Bearer realm="mcp"'


def the_second_issuer_is_down(made: SetUp) -> None:
    made.resource["authorization_servers"].append("http://127.0.0.1:9/other")


def the_metadata_has_a_charset_and_members_of_a_vendor(made: SetUp) -> None:
    made.resource.update(x_vendor={"a": 1}, resource_name="Ä")
    told = {"Content-Type": "application/json; charset=utf-8"}
    made.server.on("GET", f"{PRM}/mcp", lambda _asked: as_json(made.resource, 200, **told))


@proves("S221", "accepts", "doctor findings")
@pytest.mark.parametrize(
    "change",
    [
        nothing,
        the_scheme_is_in_lower_case,
        another_scheme_is_offered_too,
        an_error_is_named_without_a_token,
        the_server_is_its_own_issuer_as_in_2025_03_26,
        the_issuer_publishes_openid_configuration_only,
        the_issuer_has_a_path,
        clients_are_registered_by_hand,
        clients_have_metadata_documents,
        the_server_is_open,
        lists_are_open_and_calls_are_not,
        the_metadata_is_only_where_the_challenge_says,
        the_challenge_names_no_metadata,
        the_second_issuer_is_down,
        the_metadata_has_a_charset_and_members_of_a_vendor,
    ],
)
async def test_an_unusual_set_up_that_is_legal_gives_no_finding(change: Change) -> None:
    assert await _examined(change, signs_in=False) == []


async def test_a_sign_in_at_a_healthy_set_up_gives_no_finding() -> None:
    assert await _examined(nothing, signs_in=True) == []


def a_password_protects_every_path(made: SetUp) -> None:
    asks = {"WWW-Authenticate": 'Basic realm="staging"'}
    made.server.every = lambda _asked: as_json({"error": "password"}, 401, **asks)


def the_metadata_url_is_relative(made: SetUp) -> None:
    made.challenge = f'Bearer resource_metadata="{PRM}/mcp"'


def the_issuer_crashes(made: SetUp) -> None:
    made.login.every = lambda asked: as_json({}, 500) if "/.well-known/" in asked.path else None


def the_endpoint_asks_people_for_a_password(made: SetUp) -> None:
    form = "<h1>Sign in</h1><form>Name <input> Password <input type=password></form>"
    for method in ("GET", "POST"):
        made.server.on(method, "/mcp", as_html(200, f"<html><body>{form}</body></html>"))


def the_old_transport_is_beside_the_new_one(made: SetUp) -> str:
    events = b"event: endpoint\ndata: /messages?id=1\n\n"
    made.server.on("GET", "/sse", (200, {"Content-Type": "text/event-stream"}, events))
    return f"{made.server.origin}/sse"


def a_few_requests_are_allowed(made: SetUp) -> None:
    asked_before: list[Asked] = []

    def limited(asked: Asked) -> Answer | None:
        asked_before.append(asked)
        return as_json({"error": "too many"}, 429) if len(asked_before) > 8 else None

    made.server.every = limited


@proves("S221", "refuses", "doctor findings")
@pytest.mark.parametrize(
    ("change", "code", "blame"),
    [
        (a_password_protects_every_path, "challenge-not-bearer", Blame.UNSURE),
        (the_metadata_url_is_relative, "metadata-url-not-allowed", Blame.SERVER),
        (the_issuer_crashes, "issuer-unreachable", Blame.ISSUER),
        (the_endpoint_asks_people_for_a_password, "login-page", Blame.UNSURE),
        (the_old_transport_is_beside_the_new_one, "old-sse-transport", Blame.SERVER),
        (a_few_requests_are_allowed, "rate-limited", Blame.UNSURE),
    ],
)
async def test_one_cause_is_one_finding(change: Change, code: str, blame: Blame) -> None:
    assert await _examined(change, signs_in=False) == [(code, blame)]


def the_token_endpoint_crashes(made: SetUp) -> None:
    made.login.on("POST", "/token", as_html(500))


def the_token_endpoint_refuses_the_client_that_it_registered(made: SetUp) -> None:
    made.login.on("POST", "/token", as_json(["Bad credentials"], 401))


def the_server_refuses_the_token_of_its_own_issuer(made: SetUp) -> None:
    def refused(asked: Asked) -> Answer:
        challenge = made.challenge + (', error="invalid_token"' if asked.token else "")
        return made.refusal(WWW_Authenticate=challenge)

    made.server.on("POST", "/mcp", refused)


def something_removes_the_token(made: SetUp) -> None:
    made.server.on("POST", "/mcp", lambda _asked: made.refusal())


def the_issuer_refuses_a_scope_that_it_lists(made: SetUp) -> None:
    def refused(asked: Asked) -> Answer:
        own = asked.query.get("client_id", "").startswith("client-")
        if not own or "read" not in asked.query.get("scope", ""):
            return made.authorize(asked)
        error: dict[str, Any] = {"error": "invalid_scope", "state": asked.query.get("state", "")}
        return 302, {"Location": f"{asked.query['redirect_uri']}?{urlencode(error)}"}, b""

    made.login.on("GET", "/authorize", refused)


@proves("S221", "refuses", "doctor findings")
@pytest.mark.parametrize(
    ("change", "code", "blame"),
    [
        (the_token_endpoint_crashes, "token-refused", Blame.ISSUER),
        (
            the_token_endpoint_refuses_the_client_that_it_registered,
            "registered-client-refused",
            Blame.ISSUER,
        ),
        (the_server_refuses_the_token_of_its_own_issuer, "fresh-token-refused", Blame.SERVER),
        (something_removes_the_token, "token-may-not-arrive", Blame.UNSURE),
        (the_issuer_refuses_a_scope_that_it_lists, "scope-refused", Blame.UNSURE),
    ],
)
async def test_one_cause_behind_the_sign_in_is_one_finding(
    change: Change, code: str, blame: Blame
) -> None:
    assert await _examined(change, signs_in=True) == [(code, blame)]
