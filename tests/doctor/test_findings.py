"""Every finding fires on a set-up that is broken in exactly that way, and on no healthy one."""

import dataclasses
import json

import httpx2
import pytest

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.evidence.redaction import Redactor
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.findings.finding import Blame
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.hops.metadata.resource_metadata import places
from doorward.doctor.report.report import build_report
from doorward.doctor.rules.all_rules import RULES
from doorward.doctor.rules.authorization.client_settings import is_inexact
from tests.doctor.broken import (
    before_sign_in,
    client_settings,
    clients,
    discovery,
    inside,
    reaching,
    signed_in,
)
from tests.doctor.broken.broken import Broken
from tests.doctor.healthy import (
    HEALTHY,
    only_client_documents,
    only_pre_registered,
    plain,
    resource_metadata,
)
from tests.doctor.simulated_issuer import PRE_REGISTERED
from tests.doctor.world import codes, examined
from tests.ledger import proves

BROKEN = (
    *reaching.SET.broken,
    *discovery.SET.broken,
    *before_sign_in.SET.broken,
    *signed_in.SET.broken,
    *client_settings.SET.broken,
    *clients.SET.broken,
    *inside.SET.broken,
)

# An open server's calls show nothing about a token.
SIGNS_IN = tuple(one for one in HEALTHY if one.__name__ not in ("event_streams", "open_lists"))


def _name(value: object) -> str:
    if isinstance(value, Broken):
        return f"{value.code}-{value.build.__name__}"
    return getattr(value, "__name__", "")


@proves("S221", "refuses", "doctor findings")
@proves("S182", "refuses", "checks fire on broken fixtures")
@pytest.mark.parametrize("broken", BROKEN, ids=_name)
async def test_a_set_up_that_is_broken_in_one_way_gives_that_finding_alone(broken: Broken) -> None:
    found = await examined(broken.build(), saw=broken.saw, **broken.plan)
    assert codes(found) == [broken.code]
    assert found.diagnoses[0].blame is broken.blame


@proves("S221", "accepts", "doctor findings")
@proves("S182", "accepts", "checks fire on broken fixtures")
@pytest.mark.parametrize("build", HEALTHY, ids=_name)
async def test_a_healthy_set_up_gives_no_finding(build: object) -> None:
    assert callable(build)
    assert codes(await examined(build())) == []


@pytest.mark.parametrize("build", SIGNS_IN, ids=_name)
async def test_a_healthy_set_up_gives_no_finding_behind_the_sign_in_either(build: object) -> None:
    assert callable(build)
    pre_registered = build is only_pre_registered or build is only_client_documents
    client_id = PRE_REGISTERED if pre_registered else None
    found = await examined(build(), sign_in="paste", client_id=client_id, patient=True)
    assert codes(found) == []
    assert found.reached[-1] == "expiry"


def test_every_finding_has_a_set_up_that_is_broken_in_that_way() -> None:
    assert {one.code for one in BROKEN} == set(FINDINGS)


def test_every_rule_finds_a_code_of_the_table_and_needs_views_that_exist() -> None:
    views = {one.name for one in dataclasses.fields(Evidence)}
    assert {rule.code for rule in RULES} == set(FINDINGS)
    assert {view for rule in RULES for view in rule.needs} <= views


def test_every_finding_is_at_a_rung_of_the_ladder_and_follows_findings_that_exist() -> None:
    assert {one.hop for one in FINDINGS.values()} <= {hop.name for hop in LADDER}
    assert {code for one in FINDINGS.values() for code in one.follows} <= set(FINDINGS)


def test_an_unsure_finding_says_what_would_decide_it() -> None:
    assert [one.code for one in FINDINGS.values() if one.blame == "unsure" and not one.decide] == []


@pytest.mark.parametrize("build", HEALTHY, ids=_name)
async def test_a_healthy_set_up_is_healthy_from_inside_too(build: object) -> None:
    assert callable(build)
    world = build()
    url = places(world.mcp)[0][1]
    served = world.routes.get(("GET", url))
    if served is None:
        return
    document = json.loads(served(httpx2.Request("GET", url)).content)
    world.inside = InsideView(resource_metadata=document)

    assert codes(await examined(world)) == []


def test_a_resource_that_only_strict_clients_refuse_is_a_remark_and_no_finding() -> None:
    same = "https://mcp.example/mcp"
    assert is_inexact("https://mcp.example", same)
    assert is_inexact(same + "/", same)
    assert not is_inexact(same, same)
    assert not is_inexact("https://mcp.example", "https://mcp.example/")
    assert not is_inexact("https://other.example", same)


async def test_the_report_names_clients_that_refuse_a_parent_as_the_resource() -> None:
    world = plain()
    resource_metadata(world, resource="https://mcp.example")
    found = await examined(world)
    assert codes(found) == []
    report = build_report(found.evidence, found.reached, (), LADDER, Redactor())
    assert any("VS Code" in remark for remark in report.remarks)


async def test_a_healthy_set_up_answers_every_sentence_with_a_finding_that_blames_no_server() -> (
    None
):
    found = await examined(plain(), saw=("something that no rule knows",))
    assert codes(found) == ["nothing-wrong-from-outside"]
    assert found.diagnoses[0].blame is Blame.UNSURE


async def test_a_finding_that_only_browsers_meet_explains_no_sentence_of_another_client() -> None:
    world = plain()
    world.on("OPTIONS", world.mcp, lambda _request: httpx2.Response(401))
    found = await examined(world, saw=("OAuth state not found",), persona="inspector")
    assert codes(found) == ["cors-preflight-refused", "client-lost-state"]
