"""Exceptions of an author's code: a log record for the operator, and a text for the client."""

import traceback

from doorward.correlation_id import new_correlation_id
from doorward.mcp_server.refusals import IdentityRequired


def report(event: str, name: str, error: BaseException) -> str:
    """
    Log an exception of an author's function, and return the text for the client.

    The traceback is logged without local variables, which hold arguments and identities.
    """
    # Imported late: structlog brings 6 MB, and a server without a failure does not need it.
    import structlog

    correlation_id = new_correlation_id()
    structlog.get_logger("doorward.mcp_server").error(
        event,
        name=name,
        correlation_id=correlation_id,
        error=type(error).__name__,
        traceback="".join(traceback.format_exception(error)),
    )
    return f"It failed. The operator of this server finds the reason under {correlation_id}."


def report_failure(feature: str, name: str, error: BaseException) -> str:
    """
    Log why a tool, prompt, resource or completion failed, and return the text for the client.

    The event is ``<feature>-failed``, or ``<feature>-needs-a-guard`` if there is no identity.
    """
    if isinstance(error, IdentityRequired):
        report(f"{feature}-needs-a-guard", name, error)
        return error.public
    return report(f"{feature}-failed", name, error)
