"""What an author's code raises, turned into words for the peer and a record for the operator."""

import secrets
import traceback


def report(event: str, name: str, error: BaseException) -> str:
    """
    Record a failure of an author's function, and return the sentence that a peer may read.

    The record has the traceback without local variables: arguments and identities are in those.
    """
    # Brought in by the first failure: with what it brings along, it weighs 10 MB.
    import structlog

    correlation_id = secrets.token_hex(8)
    structlog.get_logger("doorward.mcp_server").error(
        event,
        name=name,
        correlation_id=correlation_id,
        error=type(error).__name__,
        traceback="".join(traceback.format_exception(error)),
    )
    return f"It failed. The operator of this server finds the reason under {correlation_id}."
