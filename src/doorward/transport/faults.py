"""What an author's code raises, turned into words for the peer and a record for the operator."""

import secrets
import traceback

import structlog

_log = structlog.get_logger("doorward.transport")


def report(event: str, name: str, error: BaseException) -> str:
    """
    Record a failure of an author's function, and return the sentence that a peer may read.

    The record has the traceback without local variables: arguments and identities are in those.
    """
    correlation_id = secrets.token_hex(8)
    _log.error(
        event,
        name=name,
        correlation_id=correlation_id,
        error=type(error).__name__,
        traceback="".join(traceback.format_exception(error)),
    )
    return f"It failed. The operator of this server finds the reason under {correlation_id}."
