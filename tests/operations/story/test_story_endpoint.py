"""``/story``: pages and JSON for operators, under an address alone."""

import re

import pytest

from doorward.operations.endpoints import OperationsEndpoints
from doorward.operations.readiness import Readiness
from doorward.operations.story.as_json import from_json
from doorward.operations.story.endpoint import StoryEndpoint
from doorward.operations.story.hop import Hop
from doorward.operations.story.page import attempt_page, list_page
from doorward.operations.story.view import messages
from tests.ledger import proves
from tests.operations.asking import ask
from tests.operations.story.hops import NOW, Clock, attempt, hop, kept

MARKUP = "<script>alert(1)</script>"


def _story() -> StoryEndpoint:
    store = kept(Clock())
    store.add([hop("challenge")], source="1.2.3.4")
    return StoryEndpoint(store, Clock())


async def test_an_operator_reads_the_list_one_attempt_and_json() -> None:
    app = OperationsEndpoints(Readiness(list), story=_story())
    document = (await ask(app, "/story.json")).json()
    listed = await ask(app, "/story")
    one = await ask(app, f"/story/{document['attempts'][0]['id']}")

    assert from_json(document)[1][0].hops[0].step == "challenge"
    assert [listed.status_code, one.status_code] == [200, 200]
    assert document["attempts"][0]["id"] in listed.text
    assert "401 a challenge" in one.text


@proves("S235", "accepts", "stories are for operators")
@pytest.mark.parametrize("host", ["127.0.0.1:9100", "localhost", "[::1]:9100", "10.1.2.3:9100"])
async def test_the_story_answers_under_an_address(host: str) -> None:
    assert (await ask(_story(), "/story.json", Host=host)).status_code == 200


@proves("S235", "refuses", "stories are for operators")
@pytest.mark.parametrize(
    "host", ["attacker.example:9100", "127.0.0.1.attacker.example", "127.1", "localhost/x", "a b"]
)
async def test_a_name_that_a_stranger_can_point_here_gets_nothing(host: str) -> None:
    answer = await ask(_story(), "/story.json", Host=host)

    assert (answer.status_code, "challenge" in answer.text) == (421, False)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/story", "HEAD", 200),
        ("/story", "POST", 405),
        ("/story/unknown", "GET", 404),
        ("/story/", "GET", 404),
    ],
)
async def test_other_methods_and_attempts_are_refused(path: str, method: str, status: int) -> None:
    assert (await ask(_story(), path, method)).status_code == status


async def test_without_the_switch_there_is_no_story() -> None:
    app = OperationsEndpoints(Readiness(list))

    assert [(await ask(app, path)).status_code for path in ("/story", "/story.json")] == [404, 404]


async def test_the_pages_run_no_script_and_load_nothing() -> None:
    answer = await ask(_story(), "/story")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|https?://|style=\"", answer.text)


def test_markup_in_any_field_is_text() -> None:
    bad = hop("call", path=MARKUP, reason=MARKUP, sent=(MARKUP,), correlation_id=MARKUP)
    shown = attempt(bad, client_name=MARKUP, client_id=MARKUP, user=MARKUP)

    for page in (attempt_page(shown, NOW, "/story"), list_page([shown], NOW, "/story")):
        assert b"<script" not in page
        assert b"&lt;script&gt;" in page


def _titles(*hops: Hop) -> list[str]:
    return [one.title for one in messages(attempt(*hops))]


def test_messages_are_in_the_order_of_their_ticks() -> None:
    callback = hop("callback", began=1, ended=6)
    inner = hop("provider-call", began=2, ended=3, sent=("metadata", "provider: sso"))

    assert _titles(callback, inner)[2:] == [
        "Back from the provider: GET /callback/{provider}",
        "Metadata",
        "200",
        "303 redirect",
    ]


def test_what_this_process_cannot_see_is_marked_as_such() -> None:
    unseen = [one for one in messages(attempt("authorization", "consent", "token")) if not one.hop]

    assert [one.title for one in unseen] == ["Opens the browser", "Brings the code"]
    assert {one.details for one in unseen} == {("Not seen by this process.",)}
