"""The edge: the same requests under the user agents of known clients."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import anyio

from doorward.doctor.evidence.before_sign_in import EdgeTry, Place
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops import messages
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question
from doorward.idp.clients import CLIENTS

_AT_ONCE = 4
_SLOW = 4.0
"""Seconds: asking a slower place under every name would take the time of the run."""


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with one answer per user agent and place."""
    found: list[EdgeTry] = []
    limit = anyio.CapacityLimiter(_AT_ONCE)

    async def one(place: Place, question: Question, own: Exchange, agent: str) -> None:
        async with limit:
            found.append(await _try(probe, place, question, own, agent))

    async with anyio.create_task_group() as group:
        for place, question, own in _places(evidence):
            if own.seconds > _SLOW:
                continue
            for agent in _agents(probe.plan.persona, is_endpoint=place == "endpoint"):
                group.start_soon(partial(one, place, question, own, agent))
    found.sort(key=lambda each: (each.place, each.user_agent))
    return replace(evidence, edge=tuple(found))


async def _try(
    probe: Probe, place: Place, question: Question, own: Exchange, agent: str
) -> EdgeTry:
    named = replace(question, headers={**question.headers, "User-Agent": agent})
    answer = await messages.begin_and_end(probe, named)
    found = EdgeTry(
        clients=_clients(agent, is_endpoint=place == "endpoint"),
        user_agent=agent,
        place=place,
        exchange=answer.exchange,
        own=own,
    )
    if answer.exchange.status == own.status:
        return found
    # Once more under the doctor's own name: the difference must be the user agent.
    again = await messages.begin_and_end(probe, question)
    return replace(found, again=again.exchange)


def _places(evidence: Evidence) -> Iterable[tuple[Place, Question, Exchange]]:
    assert evidence.endpoint is not None
    purpose = "as another client"
    own = evidence.endpoint.initialize
    yield "endpoint", messages.initialize(f"initialize {purpose}", evidence.target), own
    metadata = evidence.resource_metadata.used if evidence.resource_metadata else None
    if metadata is not None:
        question = Question(purpose=f"resource metadata {purpose}", url=metadata.url)
        yield "resource metadata", question, metadata.exchange
    issuer = evidence.issuer.used if evidence.issuer else None
    if issuer is not None:
        question = Question(purpose=f"issuer metadata {purpose}", url=issuer.url)
        yield "issuer metadata", question, issuer.exchange


def _agents(persona: str, *, is_endpoint: bool) -> tuple[str, ...]:
    facts = [
        client.connection.user_agent if is_endpoint else client.connection.oauth_user_agent
        for client in CLIENTS
        if client.connection is not None and persona in ("", client.name)
    ]
    return tuple(dict.fromkeys(fact.value for fact in facts))


def _clients(agent: str, *, is_endpoint: bool) -> tuple[str, ...]:
    return tuple(
        client.title
        for client in CLIENTS
        if client.connection is not None
        and agent
        == (
            client.connection.user_agent if is_endpoint else client.connection.oauth_user_agent
        ).value
    )


def _is_reached(evidence: Evidence) -> bool:
    return evidence.endpoint is not None and evidence.endpoint.initialize.status is not None


HOP = Hop(
    "edge", "Edge, by user agent", "asking under the names of known clients", _is_reached, observe
)
