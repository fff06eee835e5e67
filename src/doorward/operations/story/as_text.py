"""Attempts as lines for a terminal."""

from collections.abc import Iterable
from datetime import datetime

from doorward.operations.story.ending import ending
from doorward.operations.story.hop import Attempt
from doorward.operations.story.view import PARTIES, Message, messages
from doorward.wire.safe_text import visible_line


def list_rows(attempts: Iterable[Attempt], now: float) -> list[tuple[str, str, str, str]]:
    """Return a row for each attempt: id, time, client, and how it ended."""
    return [
        (
            visible_line(one.id),
            _clock(one.began_at),
            visible_line(who(one)),
            visible_line(ending(one, now).text),
        )
        for one in attempts
    ]


def attempt_lines(attempt: Attempt, now: float) -> list[str]:
    """Return one attempt: what it is, each message with its details, and how it ended."""
    lines = [
        f"{visible_line(attempt.id)}  {_clock(attempt.began_at)}  {visible_line(who(attempt))}",
        "",
    ]
    for message in messages(attempt):
        lines += message_lines(message)
    if attempt.dropped:
        lines.append(f"  ({attempt.dropped} more hops did not fit.)")
    return [*lines, "", visible_line(ending(attempt, now).text)]


def message_lines(message: Message) -> list[str]:
    """Return the line of one message, and a line for each detail."""
    way = f"{PARTIES[message.sender]} → {PARTIES[message.receiver]}"
    mark = "✗" if message.is_refused else "·" if message.hop is None else " "
    details = [f"        {visible_line(one)}" for one in message.details]
    return [f"{mark} {way}: {visible_line(message.title)}", *details]


def who(attempt: Attempt) -> str:
    """Return the client of an attempt, and the user if somebody signed in."""
    client = attempt.client_name or attempt.client_id or "unknown client"
    return f"{client}, user {attempt.user}" if attempt.user else client


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time).astimezone().strftime("%H:%M:%S")
