"""A refresh, the session after it, and two refreshes at once."""

import time
from dataclasses import replace

import anyio

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.signed_in import RefreshView
from doorward.doctor.hops import messages
from doorward.doctor.hops.authorization.token_request import keep, refresh
from doorward.doctor.hops.calls.calls import list_tools
from doorward.doctor.hops.calls.token_contents import read
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with what happens to a client that refreshes, alone and twice at once.

    Two processes of one client often share a refresh token.
    """
    held = probe.credentials
    assert held.refresh_token is not None
    answer = await refresh(probe, evidence, "refresh", held.refresh_token)
    view = RefreshView(first=answer.exchange)
    if not keep(probe, evidence, answer).is_issued:
        return replace(evidence, refresh=view)
    url = evidence.target
    if held.session is not None:
        old = await list_tools(probe, url, "tools/list in the old session with the new token")
        view = replace(view, old_session=old.exchange)
    call = await messages.begin_and_end(
        probe, messages.initialize("initialize with the new token", url, token=held.access_token)
    )
    contents = read(held.access_token or "", time.time())
    view = replace(
        view, call=call.exchange, contents=contents, at_once=await _at_once(probe, evidence)
    )
    return replace(evidence, refresh=view)


async def _at_once(probe: Probe, evidence: Evidence) -> tuple[Exchange, ...]:
    token = probe.credentials.refresh_token
    assert token is not None
    found: list[Exchange] = []

    async def one() -> None:
        answer = await refresh(probe, evidence, "one of two refreshes at once", token)
        if answer.exchange.status == 200:
            keep(probe, evidence, answer)
        found.append(answer.exchange)

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        group.start_soon(one)
    return tuple(found)


def _is_reached(evidence: Evidence) -> bool:
    calls = evidence.calls
    if calls is None or calls.first.status != 200 or evidence.token is None:
        return False
    return evidence.token.has_refresh_token


HOP = Hop("refresh", "Refresh, and two at once", "refreshing the token", _is_reached, observe)
