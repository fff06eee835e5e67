"""Decides on the arguments of a request: exactly those that every server reads in it."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from doorward.identity import Identity
from doorward.policy import Decision, Operation, decide_arguments
from doorward.wire.jsonrpc.envelope import Envelope
from doorward.wire.jsonrpc.routing_headers import decode_name

_MIRRORS = b"mcp-param-"


class _InexactNumber(ValueError):
    """A number has more digits than a double keeps, so two servers can read different numbers."""


def decide_message(
    decision: Decision,
    caller: Identity | None,
    operation: Operation,
    envelope: Envelope | None,
    headers: Sequence[tuple[bytes, bytes]],
) -> Decision:
    """
    Return ``decision``, or a refusal if the message does not meet its conditions.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Custom Headers from Tool Parameters
    """
    if envelope is None:
        return _refused(decision, "")
    decided = decide_arguments(decision, caller, operation, envelope.params)
    if not decided.allowed:
        return decided
    try:
        json.loads(envelope.body, parse_float=_exact)
    except _InexactNumber:
        return _refused(decision, "Write numbers with at most 15 significant digits.")
    if not _headers_agree(headers, envelope.params.get("arguments")):
        return _refused(decision, "Each Mcp-Param header must repeat an argument of the body.")
    return decided


def _refused(decision: Decision, expected: str) -> Decision:
    return msgspec.structs.replace(
        decision, allowed=False, reason="argument-refused", expected=expected
    )


def _exact(digits: str) -> float:
    """Return the number, if its shortest text has the same value: no digit was rounded away."""
    from decimal import Decimal

    number = float(digits)
    if not math.isfinite(number) or Decimal(digits) != Decimal(repr(number)):
        raise _InexactNumber
    return number


def _headers_agree(headers: Sequence[tuple[bytes, bytes]], arguments: Any) -> bool:
    """
    Return whether each header that repeats an argument has the value of one.

    A server that reads the header would otherwise run another value than the one decided on. Which
    header belongs to which argument is in the schema of the tool, and the tool's server checks it.
    """
    named = [one for one in headers if one[0].lower().startswith(_MIRRORS)]
    if not named:
        return True
    values = set(_texts(arguments))
    texts = [decode_name(value.strip(b" \t").decode("latin-1")) for _, value in named]
    return len({name.lower() for name, _ in named}) == len(named) and values.issuperset(texts)


def _texts(arguments: Any) -> Iterator[str]:
    for value in arguments.values() if isinstance(arguments, dict) else ():
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield str(value)
