"""``doorward story``: the last sign-in attempts of a running process."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run
from doorward.doctor.running_process import read_attempts, require_origin
from doorward.operations.story.as_json import as_json as json_of
from doorward.operations.story.as_text import attempt_lines, list_rows, message_lines, who
from doorward.operations.story.hop import Attempt
from doorward.operations.story.view import Message, messages
from doorward.wire.safe_text import visible_line

EPILOG = examples(
    "doorward story                              the attempts of doorward demo",
    "doorward story last",
    "doorward story --config doorward.toml",
    "doorward story 968eeb3e --at http://127.0.0.1:9100 --json",
    "doorward story --follow",
)
_DEMO = "http://localhost:9000"
_LAST = "last"
_INTERVAL = 1.0
# A message is known by its tick, which no other message of the process has.
_Key = tuple[str, int]


def story(
    attempt: Annotated[
        str, typer.Argument(metavar="[ATTEMPT]", help='The id of one attempt, or "last".')
    ] = "",
    at: Annotated[
        str, typer.Option("--at", help="The address of the demo or of [operations].", metavar="URL")
    ] = _DEMO,
    config: Annotated[
        Path | None,
        typer.Option(help="The file of doorward serve, which has the address.", metavar="FILE"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print each message as it comes, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show what happened in the last sign-in attempts, request by request.

    Lists the attempts, or shows one of them: who sent what to whom, what was
    answered, and where it stopped. The process keeps them in its memory, for
    an hour at most, and without tokens, codes or secrets.
    """
    output = Output(as_json=as_json)
    if follow and (as_json or attempt):
        raise UsageProblem(
            "follow-alone",
            "--follow prints the messages of all attempts, as text.",
            "Leave out the attempt and --json.",
        )
    origin = at if config is None else require_origin(config)
    run(output, lambda: _follow(output, origin) if follow else _show(output, origin, attempt))


async def _show(output: Output, origin: str, wanted: str) -> None:
    now, attempts = await read_attempts(origin)
    chosen = _chosen(attempts, wanted) if wanted else attempts
    if output.as_json:
        output.document(json_of(chosen, now))
    elif wanted:
        output.text("\n".join(attempt_lines(chosen[0], now)))
    elif chosen:
        output.rows(("attempt", "began", "client", "how it ended"), list_rows(chosen, now))
    else:
        output.note("There is no sign-in attempt yet. Connect a client, then run this again.")


def _chosen(attempts: tuple[Attempt, ...], wanted: str) -> tuple[Attempt, ...]:
    found = attempts[:1] if wanted == _LAST else [one for one in attempts if one.id == wanted]
    if not found:
        raise UsageProblem(
            "no-such-attempt",
            f"No attempt {wanted!r} is kept.",
            "List the attempts with: doorward story",
        )
    return tuple(found)


async def _follow(output: Output, origin: str) -> None:
    printed: set[_Key] = set()
    current = ""
    while True:
        _, attempts = await read_attempts(origin)
        new = [
            (key, one, message)
            for one in attempts
            for message in messages(one)
            if (key := _key(one, message)) is not None and key not in printed
        ]
        for key, one, message in sorted(new, key=lambda found: found[0][1]):
            if one.id != current:
                current = one.id
                output.text(f"\n{visible_line(one.id)}  {visible_line(who(one))}")
            output.text("\n".join(message_lines(message)))
            printed.add(key)
        await asyncio.sleep(_INTERVAL)


def _key(attempt: Attempt, message: Message) -> _Key | None:
    hop = message.hop
    return None if hop is None else (attempt.id, hop.ended if message.is_answer else hop.began)
