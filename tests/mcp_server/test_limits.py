"""Limits on the memory that one client can use."""

import pytest

from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.streams.event_log import MAX_BYTES, MAX_EVENTS, EventLog
from doorward.mcp_server.streams.session import MAX_LOGS, MAX_SUBSCRIBED, Session


async def kept(log: EventLog) -> list[bytes]:
    log.end()
    return [text async for text in log.after(0)]


async def test_an_event_log_keeps_a_limited_number_of_events() -> None:
    log = EventLog("s1", None)
    for number in range(MAX_EVENTS * 2):
        log.add(b"%d" % number)
    found = await kept(log)

    assert len(found) == MAX_EVENTS
    assert b"data: %d\n" % (MAX_EVENTS * 2 - 1) in found[-1]


async def test_an_event_log_drops_old_events_beyond_its_size_and_keeps_the_last() -> None:
    log = EventLog("s1", None)
    for _ in range(10):
        log.add(b"x" * (MAX_BYTES // 3))
    log.add(b"y" * (MAX_BYTES * 2))
    found = await kept(log)

    assert len(found) == 1
    assert b"yyy" in found[0]


def test_a_session_keeps_a_limited_number_of_event_logs() -> None:
    session = Session(None, {}, resumable=True)
    logs = [session.new_event_log(None) for _ in range(MAX_LOGS + 1)]
    first, last = logs[0], logs[-1]
    assert first is not None
    assert last is not None

    assert session.find_event_log(f"{first.name}.0", None) is None
    assert session.find_event_log(f"{last.name}.7", None) == (last, 7)


@pytest.mark.parametrize("event_id", ["", "s1", "s1.", "s1.x", "s1.-1", "s1.1e3", "s1." + "9" * 20])
def test_an_unknown_event_id_has_no_event_log(event_id: str) -> None:
    session = Session(None, {}, resumable=True)
    session.new_event_log(None)

    assert session.find_event_log(event_id, None) is None


def test_a_session_has_a_limited_number_of_subscriptions() -> None:
    session = Session(None, {}, resumable=True)
    for number in range(MAX_SUBSCRIBED):
        session.subscribe(f"a://{number}", None)
    with pytest.raises(InvalidParams):
        session.subscribe("a://more", None)


def test_a_session_keeps_only_the_capabilities_that_are_used() -> None:
    declared = {"elicitation": {"form": {"x": "y" * 1000}, "z": 1}, "sampling": {}, "roots": 5}
    session = Session(None, {**declared, "experimental": {"big": "x" * 1000}}, resumable=True)

    assert session.capabilities == {"elicitation": {"form": {}}, "sampling": {}}
