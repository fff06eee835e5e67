"""Names the reason why a request got no answer."""

import ssl

import httpx2

from doorward.client.refusals import DiscoveryFailed, ProtocolBroken
from doorward.doctor.evidence.exchange import Failure, FailureKind
from doorward.net.http.certificates import certificate_problem


def failure_of(error: BaseException) -> Failure:
    """Return the failure that ``error`` stands for."""
    if isinstance(error, DiscoveryFailed):
        return Failure("not-allowed", error.reason)
    if isinstance(error, ProtocolBroken):
        kind: FailureKind = "undecodable" if error.reason == "compressed" else "too-large"
        return Failure(kind, error.problem)
    if why := certificate_problem(error):
        return Failure("certificate", why)
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return Failure("timeout", _phase(error))
    if _is_caused_by_tls(error):
        return Failure("tls", _innermost(error))
    if isinstance(error, httpx2.ConnectError):
        no_address = "has no address" in str(error)
        return Failure("no-address" if no_address else "refused", _innermost(error))
    return Failure("disconnected", _innermost(error))


def _phase(error: BaseException) -> str:
    # A deadline over the whole request raises TimeoutError; connecting has its own.
    return "connecting" if isinstance(error, httpx2.ConnectTimeout) else "waiting for the answer"


def _is_caused_by_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _innermost(error: BaseException) -> str:
    cause = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(cause).__name__}: {cause}"[:200]
