"""Set-ups whose own process says something else than what arrives outside."""

from dataclasses import replace
from typing import Any

from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.findings.finding import Blame
from doorward.doctor.hops.metadata.resource_metadata import places
from doorward.operations.story.hop import Step
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import plain, resource_metadata
from tests.doctor.world import World, fixed, page
from tests.operations.story.hops import NOW, attempt

SET = Set()


def known(world: World, **members: Any) -> World:
    """Let the doctor know what the process makes: the document of a healthy set-up."""
    document = {"resource": world.mcp, "authorization_servers": [world.issuer], **members}
    world.inside = InsideView(resource_metadata=document)
    return world


@SET.gives("well-known-not-forwarded", Blame.PROXY)
def the_proxy_answers_404_itself() -> World:
    world = known(plain())
    world.on("GET", places(world.mcp)[0][1], fixed(404))
    return world


@SET.gives("well-known-not-forwarded", Blame.PROXY)
def the_proxy_sends_the_document_to_the_web_application() -> World:
    world = known(plain())
    for _, url in places(world.mcp):
        world.on("GET", url, page())
    return world


@SET.gives("differs-outside", Blame.UNSURE)
def an_older_process_answers() -> World:
    world = known(plain(), scopes_supported=["mcp:read", "mcp:write"])
    resource_metadata(world, scopes_supported=["mcp:read"])
    return world


@SET.gives("differs-outside", Blame.UNSURE)
def a_proxy_changes_the_resource() -> World:
    world = known(plain())
    resource_metadata(world, resource="https://inside.example/mcp")
    return world


@SET.gives("differs-outside", Blame.UNSURE)
def another_issuer_of_the_same_name_answers() -> World:
    world = known(plain())
    assert world.inside is not None
    own = {"issuer": world.issuer, "token_endpoint": f"{world.issuer}/oauth/token"}
    world.inside = InsideView(resource_metadata=world.inside.resource_metadata, issuer_metadata=own)
    return world


@SET.gives("stopped-before-process", Blame.UNSURE)
def a_token_was_issued_and_the_endpoint_was_not_called_with_it() -> World:
    return remembered("challenge", "authorization", "consent", "token")


@SET.gives("stopped-before-process", Blame.UNSURE)
def a_code_was_issued_and_no_token_was_requested() -> World:
    return remembered("challenge", "authorization", "consent")


def remembered(*steps: Step) -> World:
    """Return a healthy set-up whose process remembers an attempt that ended with these steps."""
    world = known(plain())
    assert world.inside is not None
    kept = attempt(*steps, client_name="Claude Code", user="alice")
    world.inside = replace(world.inside, attempts=(kept,), now=NOW + 3000)
    return world
