"""Every spelling of an event is read as clients read it, in whatever chunks it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.client.mcp.events import EventReader
from doorward.wire.event_stream import EventRewriter


def data_of(stream: bytes) -> list[bytes]:
    """Return the data of each event as the client's reader, another implementation, finds it."""
    reader = EventReader()
    events = [reader.take(line) for line in stream.removeprefix(b"\xef\xbb\xbf").splitlines()]
    return [event.data for event in events if event is not None and event.data]


@pytest.mark.parametrize(
    "stream",
    [
        b"data: a\n\n",
        b"\xef\xbb\xbfdata: a\n\n",
        b"data:a\r\n\r\n",
        b"id: 7\nevent: message\ndata: a\nretry: 5\n\n",
        b"data: a\r\r\n",
        b": comment\n\ndata: a\n\n",
    ],
)
def test_the_data_of_every_spelling_is_changed(stream: bytes) -> None:
    changed = EventRewriter(lambda data: b"b" if data == b"a" else data).feed(stream)

    assert data_of(changed) == [b"b"]


def test_several_lines_of_data_are_one_value() -> None:
    seen: list[bytes] = []

    def change(data: bytes) -> bytes:
        seen.append(data)
        return b"b"

    changed = EventRewriter(change).feed(b"data: a\ndata: c\nid: 1\n\n")

    assert seen == [b"a\nc"]
    assert changed == b"id: 1\ndata: b\n\n"


def test_what_is_not_changed_is_passed_on_byte_for_byte() -> None:
    stream = b"id: 1\r\ndata:  a\r\n\r\n: ping\n\nevent: x\n\n"

    assert EventRewriter(lambda data: data).feed(stream) == stream


def test_an_incomplete_event_is_held() -> None:
    events = EventRewriter(lambda data: data)

    assert events.feed(b"data: a\n") == b""
    assert events.held == len(b"data: a\n")
    assert events.feed(b"\n") == b"data: a\n\n"
    assert events.held == 0


_LINE = st.sampled_from([b"data: a", b"data:a", b"data", b"id: 1", b": x", b"other: data: a", b""])
_END = st.sampled_from([b"\n", b"\r\n"])


@given(st.lists(st.tuples(_LINE, _END), max_size=12), st.lists(st.integers(1, 9), max_size=12))
def test_chunks_do_not_matter_and_no_data_is_missed(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in lines) + b"\n\n"
    events, sent, rest = EventRewriter(lambda _data: b"changed"), bytearray(), stream
    for cut in cuts:
        sent += events.feed(rest[:cut])
        rest = rest[cut:]
    sent += events.feed(rest)

    assert bytes(sent) == EventRewriter(lambda _data: b"changed").feed(stream)
    assert b"a" not in b"".join(data_of(bytes(sent))).replace(b"changed", b"")
